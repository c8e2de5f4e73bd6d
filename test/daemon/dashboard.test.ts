/** The page as the control API serves it: open to whoever asks on this machine, strict, and without a datum of the peer. */
import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningDaemon, shoal, startDaemon, until } from '../support/daemon.ts';

let daemon: RunningDaemon;
let watchToken: string;

beforeAll(async () => {
  daemon = await startDaemon({ network: 'dashboard', cores: 1 });
  watchToken = (await readFile(join(daemon.data, 'watch-token'), 'utf8')).trim();
});
afterAll(async () => {
  await daemon.stop();
});

interface Answer {
  readonly status: number;
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

interface Asked {
  readonly headers?: Record<string, string>;
  readonly method?: string;
  readonly body?: string;
}

/** By node:http, which sends any path and any Host as it is given. */
function ask(path: string, { headers = {}, method = 'GET', body }: Asked = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port: daemon.apiPort, path, method, headers }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(parts), headers: response.headers }),
      );
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

/** Sends a beginning and never the end, and takes the answer that comes all the same. */
function begin(path: string, headers: Record<string, string>, content: Buffer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const all = { ...bearer(daemon.token), 'content-type': 'application/octet-stream', ...headers };
    const asked = request(
      { host: '127.0.0.1', port: daemon.apiPort, path, method: 'POST', headers: all },
      (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('end', () => {
          asked.destroy();
          resolve({ status: response.statusCode ?? 0, body: Buffer.concat(parts), headers: response.headers });
        });
      },
    );
    asked.on('error', reject);
    asked.write(content);
  });
}

const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });
const json = (token: string): Record<string, string> => ({ ...bearer(token), 'content-type': 'application/json' });

/** Paths of everything the document loads at once. */
async function assets(): Promise<readonly string[]> {
  const document = (await ask('/')).body.toString();
  return [...document.matchAll(/(?:src|href)="\.(\/[^"]+)"/g)].map((match) => match[1]!);
}

describe('the page', () => {
  it('is served without a token, under a policy that allows its own scripts alone', async () => {
    const answer = await ask('/');
    expect(answer.status).toBe(200);
    expect(answer.headers['content-type']).toBe('text/html; charset=utf-8');
    const policy = String(answer.headers['content-security-policy']).split('; ');
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self'");
    expect(policy).toContain("connect-src 'self'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).toContain("form-action 'none'");
    expect(policy.join()).not.toMatch(/unsafe|https?:|\*/);
    expect(answer.headers['x-content-type-options']).toBe('nosniff');
    expect(answer.headers['referrer-policy']).toBe('no-referrer');
  });

  it('has nothing inline and loads nothing from elsewhere', async () => {
    const document = (await ask('/')).body.toString();
    expect(document).not.toMatch(/<style|style=|\son\w+=/);
    for (const [, attributes, content] of document.matchAll(/<script([^>]*)>([^<]*)</g)) {
      expect(attributes).toContain('src="./');
      expect(content).toBe('');
    }
    expect(document).not.toMatch(/(?:src|href)="(?:https?:)?\/\//);
    expect(document).not.toContain(daemon.key);
    expect(document).not.toContain(daemon.token);
  });

  it('stays under 300 KB compressed at the first load', async () => {
    const paths = await assets();
    expect(paths.length).toBeGreaterThan(2);
    const files = await Promise.all(['/', ...paths].map((path) => ask(path)));
    for (const file of files) expect(file.status).toBe(200);
    expect(files.reduce((sum, { body }) => sum + gzipSync(body).length, 0)).toBeLessThan(300_000);
  });

  it('comes compressed to those who take it', async () => {
    const [first] = await assets();
    const plain = await ask(first!);
    const small = await ask(first!, { headers: { 'accept-encoding': 'gzip' } });
    expect(small.headers['content-encoding']).toBe('gzip');
    expect(small.body.length).toBeLessThan(plain.body.length);
    expect(gunzipSync(small.body).equals(plain.body)).toBe(true);
  });

  it('lets a browser keep what has a hash in its name, and ask again for the document', async () => {
    expect((await ask('/')).headers['cache-control']).toBe('no-cache');
    const [first] = await assets();
    expect((await ask(first!)).headers['cache-control']).toContain('immutable');
  });

  it.each([
    '/../token',
    '/assets/../../token',
    '/assets/..%2f..%2ftoken',
    '/..%2f..%2fetc/passwd',
    '/%2e%2e/%2e%2e/package.json',
    '//etc/passwd',
    '/assets',
    '/assets/',
  ])('gives nothing for %s', async (path) => {
    const { status, body } = await ask(path);
    expect([400, 401, 404]).toContain(status);
    expect(body.toString()).not.toContain(daemon.token);
    expect((await ask(path, { headers: bearer(daemon.token) })).status).toBeGreaterThanOrEqual(400);
  });

  it('is refused to a foreign Host and to pages of other origins', async () => {
    expect((await ask('/', { headers: { host: `evil.example:${daemon.apiPort}` } })).status).toBe(403);
    expect((await ask('/', { headers: { origin: 'https://evil.example' } })).status).toBe(403);
    expect((await ask('/', { headers: { host: `localhost:${daemon.apiPort}` } })).status).toBe(200);
  });

  it('cannot be asked to do anything', async () => {
    for (const method of ['POST', 'PUT', 'DELETE']) expect((await ask('/', { method })).status).toBe(401);
  });
});

describe('what the page asks for', () => {
  it.each([
    '/v1/status',
    '/v1/kernels',
    '/v1/capacity',
    '/v1/events',
    '/v1/jobs/abc/units/0/output',
  ])('needs a token: %s', async (path) => {
    const answer = await ask(path);
    expect(answer.status).toBe(401);
    expect(answer.body.toString()).not.toContain(daemon.key);
  });

  it('says whether its token may act', async () => {
    const mayAct = async (token: string): Promise<unknown> =>
      (JSON.parse((await ask('/v1/status', { headers: bearer(token) })).body.toString()) as { mayAct: unknown }).mayAct;
    expect(await mayAct(daemon.token)).toBe(true);
    expect(await mayAct(watchToken)).toBe(false);
  });

  it('lists the kernels with what each may touch', async () => {
    const { kernels } = await daemon.api<{
      kernels: { manifest: { name: string }; report: { imports: string[]; byteLength: number }; cid: string }[];
    }>('kernels');
    expect(kernels.map(({ manifest }) => manifest.name)).toContain('prime-count');
    for (const { report, cid } of kernels) {
      expect(report.imports).toEqual([]);
      expect(report.byteLength).toBeGreaterThan(100);
      expect(cid).toMatch(/^bafkrei/);
    }
  });

  it('refuses a kernel that is none, with the reason', async () => {
    const headers = { ...bearer(daemon.token), 'content-type': 'application/octet-stream' };
    const answer = await ask('/v1/kernels/inspect', { method: 'POST', headers, body: 'no module' });
    expect(answer.status).toBe(422);
    expect((JSON.parse(answer.body.toString()) as { error: { code: string } }).error.code).toBe('kernel-refused');
  });

  it('refuses a kernel of 100 MB by the length that is declared, before any of it has come', async () => {
    for (const [path, words, length] of [
      ['/v1/kernels/inspect', 'up to 2 MiB', '100000000'],
      ['/v1/uploads', 'up to 512 MiB', '600000000'],
    ] as const) {
      const { status, body } = await begin(path, { 'content-length': length }, Buffer.from('0061736d01000000', 'hex'));
      expect(status).toBe(413);
      expect(body.toString()).toContain(words);
    }
  });

  it('refuses a kernel of undeclared length where it passes the limit, without its end', async () => {
    const { status, body } = await begin('/v1/kernels/inspect', {}, Buffer.alloc(2 * 1024 * 1024 + 1));
    expect(status).toBe(413);
    expect(body.toString()).toContain('up to 2 MiB');
  });

  it('pauses, resumes and changes cores, for those who may act', async () => {
    const set = (token: string, body: object): Promise<Answer> =>
      ask('/v1/capacity', { method: 'POST', headers: json(token), body: JSON.stringify(body) });
    const view = async () => (await daemon.api<{ view: { cores: number; paused: string[] } }>('status')).view;
    expect((await set(watchToken, { paused: true })).status).toBe(403);
    expect((await set(daemon.token, { cores: 100_000 })).status).toBe(400);
    expect((await set(daemon.token, { cores: -1 })).status).toBe(400);
    expect(await view()).toMatchObject({ cores: 1, paused: [] });
    expect((await set(daemon.token, { paused: true })).status).toBe(200);
    await until('the pause', async () => (await view()).paused.includes('manual'));
    expect((await set(daemon.token, { cores: 0 })).status).toBe(200);
    await until('no cores', async () => (await view()).cores === 0);
    expect((await view()).paused).toEqual(['manual']);
    expect((await set(daemon.token, { cores: 1, paused: false })).status).toBe(200);
    await until('work again', async () => (await view()).paused.length === 0 && (await view()).cores === 1);
  });

  it('gives the outputs of a picture unit by unit, and where they belong', async () => {
    const submission = {
      kernel: { name: 'mandelbrot' },
      arguments: { width: '100', height: '70', iterations: '50' },
      policy: { ownResults: 'always', tasksPerUnit: 2 },
    };
    const { job } = await daemon.api<{ job: string }>('jobs', submission);
    const answer = await until('a result', async () => {
      const found = await daemon.api<{ progress: { outcome?: object }; picture: object }>(`jobs/${job}`);
      return found.progress.outcome !== undefined && found;
    });
    expect(answer.picture).toEqual({ width: 100, height: 70, bytesPerPixel: 2, tileWidth: 64, tileHeight: 64 });
    const unit = async (index: number) =>
      (await ask(`/v1/jobs/${job}/units/${index}/output`, { headers: bearer(watchToken) })).body.length;
    expect(await unit(0)).toBe(100 * 64 * 2);
    expect(await unit(1)).toBe(100 * 6 * 2);
    for (const [index, status] of [
      ['2', 404],
      ['-1', 400],
      ['x', 400],
    ]) {
      const refused = await ask(`/v1/jobs/${job}/units/${index}/output`, { headers: bearer(watchToken) });
      expect(refused.status).toBe(status);
    }
  });
});

describe('shoal dashboard', () => {
  it('prints the address with the token behind the #', async () => {
    const { stdout, exitCode } = await shoal(['dashboard', '--data', daemon.data]);
    expect(exitCode).toBe(0);
    expect(stdout.trim()).toBe(`http://127.0.0.1:${daemon.apiPort}/#token=${daemon.token}`);
  });

  it('prints one that may only look', async () => {
    const { stdout } = await shoal(['dashboard', '--data', daemon.data, '--watch-only', '--json']);
    expect(JSON.parse(stdout)).toEqual({
      url: `http://127.0.0.1:${daemon.apiPort}/#token=${watchToken}`,
      authority: 'watch',
    });
  });
});
