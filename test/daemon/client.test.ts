/** The CLI's client against a server that closes connections at bad moments. */
import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { Client } from '../../node/daemon/cli/client.ts';
import type { ApiFile } from '../../node/daemon/compose.ts';

const servers: Server[] = [];

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
});

const OK = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 11\r\n\r\n{"jobs":[]}';

/** Calls `answer` with each request, numbered from 1 over all connections. */
async function clientOf(
  answer: (socket: Socket, request: number) => void,
): Promise<{ client: Client; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (data) => {
      const [line] = data.toString().split(' HTTP');
      if (!/^(GET|POST)/.test(line!)) return;
      asked.push(line!);
      answer(socket, asked.length);
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return { client: new Client({ port, pid: 1 } as ApiFile, 'token'), asked };
}

/** A connection that was left open is closed when the next request comes in on it. */
function closing(how: (socket: Socket) => void) {
  return (socket: Socket, request: number) => {
    if (request === 2) how(socket);
    else socket.write(OK, () => request > 2 && socket.end());
  };
}

describe('the client of the control API', () => {
  test.each([
    ['reset', (socket: Socket) => socket.resetAndDestroy()],
    ['closed', (socket: Socket) => socket.end()],
  ])('asks once more when its connection is %s', async (_, how) => {
    const { client, asked } = await clientOf(closing(how));
    expect(await client.jobs()).toEqual([]);
    expect(await client.jobs()).toEqual([]);
    expect(asked).toEqual(['GET /v1/jobs', 'GET /v1/jobs', 'GET /v1/jobs']);
  });

  test('asks only once more, and then says that the daemon does not answer', async () => {
    const { client, asked } = await clientOf((socket) => socket.resetAndDestroy());
    await expect(client.jobs()).rejects.toMatchObject({ code: 'daemon-unreachable' });
    expect(asked).toHaveLength(2);
  });

  test('never repeats what changes something', async () => {
    const { client, asked } = await clientOf((socket) => socket.resetAndDestroy());
    await expect(client.cancel('job')).rejects.toMatchObject({ code: 'daemon-unreachable' });
    expect(asked).toEqual(['POST /v1/jobs/job/cancel']);
  });
});
