/** `shoal up --serve-volunteers` as its owner and a visitor meet it: the link, the two servers, and what goes wrong. */
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { codeFor } from '../../node/daemon/cli/invitation.ts';
import { EXIT } from '../../node/daemon/exit-codes.ts';
import { parseInvitation } from '../../node/network/invitation.ts';
import { createCertificate, type TestCertificate } from '../support/certificates.ts';
import { type RunningDaemon, SHOAL, shoal, startDaemon, until } from '../support/daemon.ts';
import { ask } from '../support/http.ts';

// Every command is a process of its own; on a busy machine each takes seconds.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

const NETWORK = 'volunteers';
const ANYWHERE = '--serve-volunteers=127.0.0.1:0';
let folder: string;
let pem: TestCertificate;
let expired: TestCertificate;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shoal-volunteers-'));
  pem = await createCertificate({ dns: ['shoal.example'], ip: ['127.0.0.1'] });
  expired = await createCertificate({ dns: ['shoal.example'], notAfter: new Date(Date.now() - 3_600_000) });
  for (const [name, { certificate, key }] of Object.entries({ good: pem, expired })) {
    await writeFile(join(folder, `${name}.pem`), certificate);
    await writeFile(join(folder, `${name}.key`), key);
  }
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

const tlsArgs = (name: string): string[] => [
  '--tls-cert',
  join(folder, `${name}.pem`),
  '--tls-key',
  join(folder, `${name}.key`),
];

describe('on this machine', () => {
  let daemon: RunningDaemon;
  let port: number;

  beforeAll(async () => {
    daemon = await startDaemon({ network: NETWORK, cores: 0, args: [ANYWHERE] });
    port = Number(new URL(daemon.volunteerUrl!).port);
  });
  afterAll(async () => {
    expect(await daemon.stop()).toBe(0);
  });

  it('listens on websockets though nobody said so, and puts that address into the link', async () => {
    const [tcp, websocket] = daemon.addresses;
    expect(tcp).toMatch(/\/tcp\/\d+\/p2p\//);
    expect(websocket).toMatch(/^\/ip4\/127\.0\.0\.1\/tcp\/\d+\/ws\/p2p\//);
    const link = new URL(daemon.volunteerUrl!);
    expect(link.protocol).toBe('http:');
    const { addresses, network } = parseInvitation(link.hash);
    expect(network).toBe(NETWORK);
    expect(addresses[0]).toBe(websocket);
  });

  it('serves the built page, and the same invitation beside it', async () => {
    const page = await ask(port, '/');
    expect(page.status).toBe(200);
    const script = /src="\.(\/assets\/[^"]+\.js)"/.exec(page.text)![1]!;
    expect((await ask(port, script)).headers['content-type']).toContain('javascript');
    const network = JSON.parse((await ask(port, '/network.json')).text) as { addresses: string[]; network: string };
    expect(network.network).toBe(NETWORK);
    for (const address of network.addresses) expect(daemon.addresses).toContain(address);
    expect(network.addresses).toContain(daemon.addresses[1]);
  });

  it('has nothing of the control API: no route, no token, and not its port', async () => {
    expect(port).not.toBe(daemon.apiPort);
    const authorization = `Bearer ${daemon.token}`;
    for (const path of ['/v1/status', '/v1/events', '/v1/jobs', '/v1/kernels', '/v1/metrics']) {
      expect((await ask(port, path, { headers: { authorization } })).status).toBe(404);
      expect((await ask(port, path, { headers: { authorization }, method: 'POST', body: '{}' })).status).toBe(405);
    }
    expect((await ask(daemon.apiPort, '/network.json')).status).toBe(401);
    for (const path of ['/', '/network.json']) expect((await ask(port, path)).text).not.toContain(daemon.token);
  });

  it('is refused by the control API as a page of another origin', async () => {
    const headers = { authorization: `Bearer ${daemon.token}`, origin: `http://127.0.0.1:${port}` };
    expect((await ask(daemon.apiPort, '/v1/status', { headers })).status).toBe(403);
  });

  it('is named by status, dashboard and API', async () => {
    const { volunteerUrl, relay } = await daemon.api<{ volunteerUrl: string; relay: object }>('status');
    expect(volunteerUrl).toBe(daemon.volunteerUrl);
    expect(relay).toMatchObject({ reservations: 0 });
    const { stdout } = await shoal(['status', '--data', daemon.data]);
    expect(stdout).toContain(`join at ${volunteerUrl}`);
    expect(stdout).toMatch(/peers +0 connected \(room for \d+ more\)/);
    expect(stdout).toMatch(/relay +0 of \d+ places/);
    const dashboard = await shoal(['dashboard', '--data', daemon.data]);
    expect(dashboard.stdout.trim()).toBe(daemon.dashboard);
    expect(dashboard.stderr).toContain(volunteerUrl);
    expect(volunteerUrl).not.toContain(daemon.token);
    const asJson = await shoal(['dashboard', '--json', '--data', daemon.data]);
    expect(JSON.parse(asJson.stdout)).toMatchObject({ volunteerUrl });
  });
});

describe('what a person reads at start', () => {
  /** `shoal up` without --json, until it has said everything. */
  async function read(args: readonly string[], last: RegExp): Promise<string> {
    const data = await mkdtemp(join(folder, 'said-'));
    const listen = ['--listen', '/ip4/127.0.0.1/tcp/0'];
    const child = spawn(process.execPath, [SHOAL, 'up', '--data', data, '--cores', '0', ...listen, ...args], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const closed = once(child, 'close');
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
    try {
      await until(`${last} in what is said`, () => last.test(text));
    } finally {
      child.kill('SIGTERM');
      await closed;
    }
    expect(child.exitCode).toBe(0);
    return text;
  }

  it('has the link, and the addresses that were added for it', async () => {
    const said = await read(['--network', NETWORK, ANYWHERE], /on this machine;.*\n/);
    expect(said).toMatch(/added so that browser tabs can connect: --listen \/ip4\/127\.0\.0\.1\/tcp\/0\/ws\n/);
    expect(said).toMatch(/added so that browser tabs can connect: --listen .*\/udp\/0\/webrtc-direct\n/);
    expect(said).toMatch(/volunteers join at http:\/\/127\.0\.0\.1:\d+\/#at=\S+&network=volunteers\n/);
    // A code is for a camera that can get there, and for a terminal.
    expect(said).not.toMatch(/[█▀▄]/);
  });

  it('says that a private network goes without WebRTC', async () => {
    const key = join(folder, 'said.key');
    expect((await shoal(['key', 'new', key])).exitCode).toBe(EXIT.ok);
    const said = await read(['--swarm-key', key], /private network.*\n/);
    expect(said).toMatch(/WebRTC is left out, because a swarm key does not protect it/);
    expect(said).not.toContain('webrtc-direct');
  });

  it('draws a code that is white on black in every terminal', async () => {
    const code = await codeFor('https://shoal.example/#at=/dns4/shoal.example/tcp/4103/tls/ws');
    const lines = code.split('\n');
    const [before, after] = ['\u001b[97;40m', '\u001b[0m'];
    for (const line of lines) expect(line.startsWith(before) && line.endsWith(after)).toBe(true);
    const modules = lines.map((line) => line.slice(before.length, -after.length));
    for (const line of modules) expect(line).toMatch(/^[█▀▄ ]+$/);
    const widths = new Set(modules.map(({ length }) => length));
    expect(widths.size).toBe(1);
    expect([...widths][0]).toBeGreaterThan(25);
    expect(lines.length).toBeGreaterThan(12);
  });
});

describe('without the flag', () => {
  it('no page is served and none is named', async () => {
    const daemon = await startDaemon({ network: NETWORK, cores: 0 });
    try {
      expect(daemon.volunteerUrl).toBeUndefined();
      expect(daemon.addresses).toHaveLength(1);
      const status = await daemon.api<object>('status');
      expect(status).not.toHaveProperty('volunteerUrl');
      // No tab can connect to it, so it is no relay for any.
      expect(status).not.toHaveProperty('relay');
      expect(status).toMatchObject({ connections: { now: 0, max: 128 } });
      expect((await shoal(['status', '--data', daemon.data])).stdout).not.toContain('join at');
    } finally {
      await daemon.stop();
    }
  });
});

describe('what is refused at start', () => {
  const up = (args: readonly string[]) =>
    shoal(['up', '--network', NETWORK, '--listen', '/ip4/127.0.0.1/tcp/0', '--data', join(folder, 'refused'), ...args]);

  it.each([
    [
      'a page for the world on plain http',
      ['--serve-volunteers=0.0.0.0:0'],
      /browsers give no cryptography/,
      EXIT.configuration,
    ],
    ['no address', ['--serve-volunteers=here'], /serveVolunteers: expected .*--serve-volunteers/, EXIT.address],
    [
      'an empty certificate file',
      [ANYWHERE, '--tls-cert', '/dev/null', '--tls-key', '/dev/null'],
      /tlsCert: \/dev\/null holds no certificate/,
      EXIT.configuration,
    ],
    [
      'a missing one',
      [ANYWHERE, '--tls-cert', '/no.pem', '--tls-key', '/no.key'],
      /tlsCert: \/no\.pem does not exist/,
      EXIT.missingFile,
    ],
  ] as const)('%s', async (_, args, message, exitCode) => {
    const run = await up(args);
    expect(run.stderr).toMatch(message);
    expect(run.exitCode).toBe(exitCode);
    expect(run.stdout).toBe('');
  });

  it('a key that is not the certificate’s', async () => {
    const run = await up([ANYWHERE, ...tlsArgs('good').slice(0, 2), '--tls-key', join(folder, 'expired.key')]);
    expect(run.stderr).toMatch(/tlsKey: .*expired\.key does not belong to the certificate .*good\.pem/);
    expect(run.exitCode).toBe(EXIT.configuration);
  });

  it('a swarm key', async () => {
    const key = join(folder, 'swarm.key');
    expect((await shoal(['key', 'new', key])).exitCode).toBe(EXIT.ok);
    const run = await shoal(['up', '--data', join(folder, 'refused'), '--swarm-key', key, ANYWHERE]);
    expect(run.stderr).toMatch(/serveVolunteers: this peer has a swarm key/);
    expect(run.exitCode).toBe(EXIT.configuration);
  });

  it('a port that is taken', async () => {
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
    const { port } = holder.address() as { port: number };
    try {
      // The websockets are given, so that their port is not the neighbour's.
      const run = await up([`--serve-volunteers=127.0.0.1:${port}`, '--listen', '/ip4/127.0.0.1/tcp/0/ws']);
      expect(run.stderr).toMatch(new RegExp(`serveVolunteers: cannot listen on 127\\.0\\.0\\.1 port ${port} `));
      expect(run.stderr).toMatch(/Choose another port/);
      expect(run.exitCode).toBe(EXIT.address);
    } finally {
      holder.close();
    }
  });
});

describe('an address for tabs that is taken', () => {
  const up = (args: readonly string[]) =>
    shoal(['up', '--network', NETWORK, '--listen', '/ip4/127.0.0.1/tcp/0', '--data', join(folder, 'taken'), ...args]);

  it('is named, for websockets, with the flag that moves it', async () => {
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
    const { port } = holder.address() as { port: number };
    try {
      const run = await up([`--serve-volunteers=127.0.0.1:${port - 1}`]);
      expect(run.stderr).toMatch(
        new RegExp(`listen: cannot listen on /ip4/127.0.0.1/tcp/${port}/ws \\(listen EADDRINUSE`),
      );
      expect(run.stderr).toMatch(/added so that browser tabs can connect.*--serve-volunteers=host:port/);
      expect(run.stderr.trim().split('\n')).toHaveLength(1);
      expect(run.exitCode).toBe(EXIT.address);
    } finally {
      holder.close();
    }
  });

  it('is named, for WebRTC', async () => {
    const holder = createSocket('udp4');
    await new Promise<void>((resolve) => holder.bind(0, '127.0.0.1', resolve));
    const address = `/ip4/127.0.0.1/udp/${holder.address().port}/webrtc-direct`;
    try {
      const run = await up([ANYWHERE, '--listen', address]);
      expect(run.stderr).toContain(`listen: cannot listen on ${address} (`);
      expect(run.stderr).toMatch(/Choose another address with --listen/);
      expect(run.exitCode).toBe(EXIT.address);
    } finally {
      holder.close();
    }
  });
});

describe('with a certificate', () => {
  it('the page is https and the websockets are encrypted, under the name the owner gave', async () => {
    const args = [ANYWHERE, '--volunteer-host', 'shoal.example', ...tlsArgs('good')];
    const daemon = await startDaemon({ network: NETWORK, cores: 0, args });
    try {
      const link = new URL(daemon.volunteerUrl!);
      expect(link.origin).toMatch(/^https:\/\/shoal\.example:\d+$/);
      const [address] = parseInvitation(link.hash).addresses;
      expect(address).toMatch(/^\/dns4\/shoal\.example\/tcp\/\d+\/tls\/ws\/p2p\//);
      const trusted = { ca: pem.certificate, servername: 'shoal.example' };
      const port = Number(link.port);
      const network = await ask(port, '/network.json', { ...trusted, headers: { host: link.host } });
      expect((JSON.parse(network.text) as { addresses: string[] }).addresses[0]).toBe(address);
      // What answers there says that it wants websockets, over TLS with this certificate.
      const socket = await ask(Number(/tcp\/(\d+)/.exec(address!)![1]), '/', trusted);
      expect(socket.text).toMatch(/websocket/i);
    } finally {
      expect(await daemon.stop()).toBe(0);
    }
  });

  it('that has expired, it runs, with a warning that names the file', async () => {
    const daemon = await startDaemon({ network: NETWORK, cores: 0, args: [ANYWHERE, ...tlsArgs('expired')] });
    try {
      await until('the warning', () => /expired\.pem expired on /.test(daemon.log()));
    } finally {
      await daemon.stop();
    }
  });
});
