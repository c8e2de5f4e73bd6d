/** The server of the volunteer page: what it serves, under which headers, to whom, and what it refuses. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readTlsFiles, type TlsFiles } from '../../node/daemon/volunteers/certificate.ts';
import { type Offer, offerOf } from '../../node/daemon/volunteers/offer.ts';
import { startVolunteerServer, type VolunteerServer } from '../../node/daemon/volunteers/server.ts';
import { createCertificate, type TestCertificate } from '../support/certificates.ts';
import { type Answer, type Asked, ask } from '../support/http.ts';

const SCRIPT = 'export const answer = 42;\n'.repeat(100);
const ADDRESS = '/ip4/127.0.0.1/tcp/4103/ws/p2p/12D3KooWCATLz9pdUQeEc6VE9LmBLQu8CFYWZonpUbL67kmq38Yp';
const logger = { log: () => undefined };

let folder: string;
let page: string;
let pem: TestCertificate;
let tls: TlsFiles;
const open: VolunteerServer[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shoal-volunteer-server-'));
  page = join(folder, 'page');
  await mkdir(join(page, 'assets'), { recursive: true });
  await writeFile(join(page, 'index.html'), '<!doctype html><title>Volunteer</title>');
  await writeFile(join(page, 'assets/index-1a2b.js'), SCRIPT);
  await writeFile(join(page, 'assets/worker-entry-3c4d.js'), SCRIPT);
  await writeFile(join(page, 'notes.txt'), 'not part of the page');
  await writeFile(join(folder, 'token'), 'secret');
  pem = await createCertificate({ dns: ['shoal.example', '*.wide.example'], ip: ['127.0.0.1'] });
  await writeFile(join(folder, 'cert.pem'), pem.certificate);
  await writeFile(join(folder, 'key.pem'), pem.key);
  const named = (name: string) => ({ path: join(folder, name), source: 'the test' });
  tls = await readTlsFiles(named('cert.pem'), named('key.pem'), Date.now());
});
afterAll(async () => {
  await Promise.all(open.map((server) => server.close()));
  await rm(folder, { recursive: true, force: true });
});

async function start(offer: Offer, pageFolder = page): Promise<VolunteerServer> {
  const addresses = () => [ADDRESS];
  const server = await startVolunteerServer({ offer, pageFolder, addresses, network: 'server-test', logger });
  open.push(server);
  return server;
}

const onLoopback = (port = 0): Offer =>
  offerOf({ place: { host: '127.0.0.1', port }, tls: undefined, volunteerHost: undefined });
const encrypted = (): Offer => offerOf({ place: { host: '127.0.0.1', port: 0 }, tls, volunteerHost: 'shoal.example' });

/** A page of another site asks, as browsers mark it. */
const FROM_ELSEWHERE = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'script' };

describe('on this machine', () => {
  let port: number;
  let url: string;
  const get = (path: string, asked?: Asked): Promise<Answer> => ask(port, path, asked);
  const underHost = (host: string): Promise<Answer> => get('/network.json', { headers: { host } });

  beforeAll(async () => {
    ({ port, url } = await start(onLoopback()));
  });

  it('serves the page, and says how to join', async () => {
    expect(url).toBe(`http://127.0.0.1:${port}/`);
    for (const path of ['/', '/index.html', '/?from=somewhere']) {
      const answer = await get(path);
      expect(answer.status).toBe(200);
      expect(answer.text).toContain('Volunteer');
      expect(answer.headers['content-type']).toBe('text/html; charset=utf-8');
    }
    const network = await get('/network.json');
    expect(JSON.parse(network.text)).toEqual({ addresses: [ADDRESS], network: 'server-test' });
    expect(network.headers['cache-control']).toBe('no-store');
    expect(network.headers['content-type']).toContain('application/json');
  });

  it('compresses for those who take it', async () => {
    const plain = await get('/assets/index-1a2b.js');
    expect(plain.text).toBe(SCRIPT);
    expect(plain.headers['content-encoding']).toBeUndefined();
    const small = await get('/assets/index-1a2b.js', { headers: { 'accept-encoding': 'br, gzip;q=0.8' } });
    expect(small.headers).toMatchObject({ 'content-encoding': 'gzip', vary: 'accept-encoding' });
    expect(small.bytes.length).toBeLessThan(plain.bytes.length / 4);
    expect(gunzipSync(small.bytes).toString()).toBe(SCRIPT);
    const refused = await get('/assets/index-1a2b.js', { headers: { 'accept-encoding': 'gzip;q=0' } });
    expect(refused.text).toBe(SCRIPT);
  });

  it('lets a browser keep what has a hash in its name, and nothing else', async () => {
    expect((await get('/assets/index-1a2b.js')).headers['cache-control']).toContain('immutable');
    expect((await get('/')).headers['cache-control']).toBe('no-cache');
  });

  it('gives the document a policy without WebAssembly, and each worker one without anything else', async () => {
    const document = String((await get('/')).headers['content-security-policy']);
    expect(document.split('; ')).toEqual(
      expect.arrayContaining([
        "default-src 'none'",
        "script-src 'self'",
        "connect-src 'self' ws: wss:",
        "worker-src 'self'",
        "frame-ancestors 'none'",
        "form-action 'none'",
        "base-uri 'none'",
      ]),
    );
    expect(document).not.toMatch(/unsafe|https?:|\*/);
    const worker = String((await get('/assets/worker-entry-3c4d.js')).headers['content-security-policy']);
    expect(worker).toBe("default-src 'none'; script-src 'self' 'wasm-unsafe-eval'");
  });

  it('says the same of every answer, also of refusals', async () => {
    const answers = [
      await get('/'),
      await get('/assets/index-1a2b.js'),
      await get('/network.json'),
      await get('/nothing'),
      await get('/', { method: 'POST' }),
      await underHost('evil.example'),
    ];
    for (const { headers } of answers) {
      expect(headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'cross-origin-opener-policy': 'same-origin',
        'cross-origin-resource-policy': 'same-origin',
      });
      expect(headers['content-security-policy']).toContain("default-src 'none'");
      expect(Object.keys(headers).filter((name) => name.startsWith('access-control-'))).toEqual([]);
      expect(headers['set-cookie']).toBeUndefined();
    }
  });

  it.each([
    '/token',
    '/../token',
    '/assets/../../token',
    '/assets/..%2f..%2ftoken',
    '/%2e%2e/token',
    '//etc/passwd',
    '/notes.txt',
    '/assets',
    '/assets/',
    '/v1/status',
    '/v1/events',
    '/v1/uploads',
    'http://evil.example/',
    '/constructor',
    '/__proto__',
  ])('has nothing at %s', async (path) => {
    const answer = await get(path);
    expect(answer.status).toBe(404);
    expect(answer.text).toBe('no such page\n');
  });

  it.each(['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE'])('answers %s with 405', async (method) => {
    const headers = { origin: `http://127.0.0.1:${port}`, 'access-control-request-method': 'POST' };
    const answer = await get('/network.json', { method, headers });
    expect(answer.status).toBe(405);
    expect(answer.headers.allow).toBe('GET, HEAD');
    expect(answer.text).not.toContain(ADDRESS);
  });

  it('answers HEAD as GET without a body', async () => {
    const answer = await get('/assets/index-1a2b.js', { method: 'HEAD' });
    expect(answer.status).toBe(200);
    expect(answer.headers['content-length']).toBe(String(SCRIPT.length));
    expect(answer.bytes.length).toBe(0);
  });

  it('answers under its own names with its own port, and no others', async () => {
    for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, `LOCALHOST:${port}`]) {
      expect((await underHost(host)).status, host).toBe(200);
    }
    for (const host of [
      'evil.example',
      `evil.example:${port}`,
      `localhost.evil.example:${port}`,
      `127.0.0.1.evil.example:${port}`,
      `evil.example@127.0.0.1:${port}`,
      '127.0.0.1',
      'localhost',
      `127.0.0.1:${port + 1}`,
      `127.0.0.1:0${port}0`,
      `127.0.0.1:${port}:${port}`,
      `127.0.0.2:${port}`,
      `[::1]:${port}`,
      `127.0.0.1:${port}/`,
      `0.0.0.0:${port}`,
    ]) {
      const answer = await underHost(host);
      expect(answer.status, host).toBe(403);
      expect(answer.text).not.toContain(ADDRESS);
    }
  });

  it('refuses what has no Host, or two', async () => {
    for (const head of ['GET / HTTP/1.0\r\n', `GET / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nHost: evil.example\r\n`]) {
      const raw = await new Promise<string>((resolve, reject) => {
        let text = '';
        const socket = connect(port, '127.0.0.1', () => socket.write(`${head}Connection: close\r\n\r\n`));
        socket.on('data', (part) => {
          text += part.toString();
        });
        socket.on('error', reject).on('close', () => resolve(text));
      });
      if (head.includes('evil')) expect(raw).not.toContain('evil');
      else expect(raw).toMatch(/^HTTP\/1\.1 403 /);
    }
  });

  it('lets other sites link to it, and do nothing else', async () => {
    const asFrom = (headers: Record<string, string>, path = '/'): Promise<number> =>
      get(path, { headers }).then(({ status }) => status);
    const link = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };
    expect(await asFrom(link)).toBe(200);
    expect(await asFrom({ ...link, 'sec-fetch-dest': 'iframe' })).toBe(403);
    expect(await asFrom(FROM_ELSEWHERE, '/assets/index-1a2b.js')).toBe(403);
    expect(await asFrom({ ...FROM_ELSEWHERE, 'sec-fetch-site': 'same-site' }, '/network.json')).toBe(403);
    for (const origin of [
      'https://evil.example',
      'null',
      `https://127.0.0.1:${port}`,
      `http://127.0.0.1:${port + 1}`,
    ]) {
      expect(await asFrom({ origin }, '/network.json'), origin).toBe(403);
    }
    const own = { 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'cors', origin: `http://localhost:${port}` };
    expect(await asFrom(own, '/network.json')).toBe(200);
    expect(await asFrom({ 'sec-fetch-site': 'none', 'sec-fetch-mode': 'navigate' })).toBe(200);
  });
});

describe('with a certificate', () => {
  let port: number;
  let url: string;
  const get = (path: string, asked: Asked = {}): Promise<Answer> => ask(port, path, { ca: pem.certificate, ...asked });

  beforeAll(async () => {
    ({ port, url } = await start(encrypted()));
  });

  it('is https under the certificate’s name', async () => {
    expect(url).toBe(`https://shoal.example:${port}/`);
    const answer = await get('/', { servername: 'shoal.example', headers: { host: `shoal.example:${port}` } });
    expect(answer.status).toBe(200);
    expect(answer.text).toContain('Volunteer');
    await expect(ask(port, '/')).rejects.toThrow();
  });

  it('may open encrypted websockets only', async () => {
    const policy = String((await get('/', { headers: { host: 'shoal.example' } })).headers['content-security-policy']);
    expect(policy.split('; ')).toContain("connect-src 'self' wss:");
  });

  it('answers to every name of the certificate on any port, as behind a router, and to no other', async () => {
    for (const host of [
      'shoal.example',
      'shoal.example:8443',
      `SHOAL.example:${port}`,
      'a.wide.example',
      '127.0.0.1',
    ]) {
      expect((await get('/', { headers: { host } })).status, host).toBe(200);
    }
    for (const host of ['evil.example', 'shoal.example.evil.example', 'wide.example', 'a.b.wide.example', '10.0.0.1']) {
      expect((await get('/', { headers: { host } })).status, host).toBe(403);
    }
  });

  it('takes https origins of these names only', async () => {
    const asFrom = (origin: string): Promise<number> =>
      get('/network.json', { headers: { host: 'shoal.example', origin } }).then(({ status }) => status);
    expect(await asFrom('https://shoal.example')).toBe(200);
    expect(await asFrom('http://shoal.example')).toBe(403);
    expect(await asFrom('https://evil.example')).toBe(403);
  });
});

describe('what keeps it from starting', () => {
  it('a page that is not built', async () => {
    const failing = start(onLoopback(), join(folder, 'nowhere'));
    await expect(failing).rejects.toMatchObject({
      code: 'installation',
      message: expect.stringMatching(/npm run build/),
    });
  });

  it('a port that is taken', async () => {
    const { port } = await start(onLoopback());
    const message = expect.stringMatching(
      new RegExp(`serveVolunteers: cannot listen on 127.0.0.1 port ${port} .*EADDRINUSE`),
    );
    await expect(start(onLoopback(port))).rejects.toMatchObject({ code: 'address', message });
  });

  it('an address of another machine', async () => {
    const offer = offerOf({ place: { host: '192.0.2.7', port: 0 }, tls, volunteerHost: 'shoal.example' });
    const message = expect.stringMatching(/192\.0\.2\.7 .*an address of this machine/);
    await expect(start(offer)).rejects.toMatchObject({ code: 'address', message });
  });
});
