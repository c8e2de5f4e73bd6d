/** Files that are too large, from those who say how long they are, from those who do not, and from those who never stop. */
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createConnection, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Api, type ApiOptions, startApi } from '../../node/daemon/api/server.ts';
import { createUploads } from '../../node/daemon/api/uploads.ts';
import { silentLogger } from '../../node/runtime/log.ts';

const MIB = 1024 * 1024;
const TOKEN = 'a'.repeat(64);
const PART = Buffer.alloc(MIB, 'x');
/** More than the buffers of a connection hold. */
const PARTS = 40;

let folder: string;
let api: Api;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shoal-uploads-'));
  const unused = {} as never;
  const driver = { subscribe: () => () => undefined } as unknown as ApiOptions['driver'];
  api = await startApi({
    ...{ driver, jobs: unused, results: unused, about: unused, kernels: unused, kernelRecords: unused },
    capacity: { coresMax: 1, resize: () => undefined },
    uploads: createUploads(folder, MIB),
    restBounds: { bytesMax: 2 * PARTS * MIB, durationMaxMs: 60_000 },
    pageFolder: join(folder, 'none'),
    ...{ port: 0, actToken: TOKEN, watchToken: 'b'.repeat(64), logger: silentLogger },
  });
});
afterAll(async () => {
  await api.close();
  await rm(folder, { recursive: true });
});

async function connect(): Promise<Socket> {
  const socket = createConnection(api.port, '127.0.0.1');
  await once(socket, 'connect');
  return socket;
}

function head(path: string, token: string, ...headers: readonly string[]): string {
  const own = [`Host: 127.0.0.1:${api.port}`, `Authorization: Bearer ${token}`];
  return [`POST ${path} HTTP/1.1`, ...own, ...headers, '', ''].join('\r\n');
}

const CHUNKED = ['Content-Type: application/octet-stream', 'Transfer-Encoding: chunked'];

/** Sends everything, and only then looks at what was answered. */
async function sendAll(socket: Socket, beginning: string, isChunked: boolean): Promise<void> {
  const write = (bytes: string | Buffer): Promise<void> =>
    new Promise((resolve, reject) => socket.write(bytes, (error) => (error ? reject(error) : resolve())));
  await write(beginning);
  for (let part = 0; part < PARTS; part++) {
    if (isChunked) await write(`${PART.length.toString(16)}\r\n`);
    await write(PART);
    if (isChunked) await write('\r\n');
  }
  if (isChunked) await write('0\r\n\r\n');
}

async function answerOf(socket: Socket): Promise<string> {
  let text = '';
  for await (const part of socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    text += part.toString();
    if (text.includes('"}}')) break;
  }
  return text;
}

describe('a file that is too large', () => {
  it.each([
    ['whose length nobody knew', '/v1/uploads', TOKEN, CHUNKED, 413, 'too-large'],
    [
      'whose length was declared',
      '/v1/uploads',
      TOKEN,
      [CHUNKED[0]!, `Content-Length: ${PARTS * MIB}`],
      413,
      'too-large',
    ],
    ['as a kernel to look at', '/v1/kernels/inspect', TOKEN, CHUNKED, 413, 'too-large'],
    ['as a body that is read whole', '/v1/jobs', TOKEN, ['Content-Type: application/json', CHUNKED[1]!], 413, 'usage'],
    ['from somebody who may not', '/v1/uploads', 'c'.repeat(64), CHUNKED, 401, 'unauthorized'],
  ] as const)('%s is refused with its code to whoever sends all of it first', async (_, path, token, headers, status, code) => {
    const socket = await connect();
    await sendAll(
      socket,
      head(path, token, ...headers),
      headers.some((line) => line.includes('chunked')),
    );
    const answer = await answerOf(socket);
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(answer).toContain(`"code":"${code}"`);
    expect(await readdir(folder)).toEqual([]);
    // What was sent is read to its end, so the connection serves the next request as well.
    socket.write(head('/v1/nothing-here', TOKEN, 'Content-Length: 0'));
    expect(await answerOf(socket)).toMatch(/^HTTP\/1.1 404 /);
    socket.destroy();
  });

  it('is refused with its code to the command, which sends a stream', async () => {
    const body = new ReadableStream({
      start(controller) {
        for (let part = 0; part < PARTS; part++) controller.enqueue(PART);
        controller.close();
      },
    });
    const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/octet-stream' };
    const url = `http://127.0.0.1:${api.port}/v1/uploads`;
    const response = await fetch(url, { method: 'POST', headers, body, duplex: 'half' } as RequestInit);
    expect(response.status).toBe(413);
    expect(await response.json()).toMatchObject({ error: { code: 'too-large' } });
  });

  it('that never ends is cut off, and others are served', async () => {
    const socket = await connect();
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.on('error', () => undefined);
    socket.resume();
    socket.write(head('/v1/uploads', TOKEN, ...CHUNKED));
    const chunk = Buffer.concat([Buffer.from(`${PART.length.toString(16)}\r\n`), PART, Buffer.from('\r\n')]);
    const goOn = (): void => {
      while (socket.writable && socket.write(chunk));
    };
    socket.on('drain', goOn);
    goOn();
    await closed;
    const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/octet-stream' };
    const url = `http://127.0.0.1:${api.port}/v1/uploads`;
    const response = await fetch(url, { method: 'POST', headers, body: PART });
    expect(response.status).toBe(201);
    expect(await response.json()).toMatchObject({ byteLength: MIB });
  });
});
