/** Who may talk to the control API, and what it answers. */

import { readFile, stat } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningDaemon, shoal, startDaemon } from '../support/daemon.ts';
import { type Answer, ask as askAt } from '../support/http.ts';

let daemon: RunningDaemon;
let watchToken: string;

beforeAll(async () => {
  daemon = await startDaemon({ network: 'api', cores: 0 });
  watchToken = (await readFile(join(daemon.data, 'watch-token'), 'utf8')).trim();
});
afterAll(async () => {
  await daemon.stop();
});

const ask = (path: string, headers: Record<string, string>, method = 'GET', body?: string): Promise<Answer> =>
  askAt(daemon.apiPort, path, { headers, method, ...(body === undefined ? {} : { body }) });

const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });

describe('the guard', () => {
  it('keeps the tokens from other accounts', async () => {
    for (const name of ['token', 'watch-token', 'api.json', 'identity.key']) {
      expect((await stat(join(daemon.data, name))).mode & 0o077).toBe(0);
    }
  });

  it.each([
    ['without a token', {}],
    ['with a wrong token', bearer('0'.repeat(64))],
    ['with another scheme', { authorization: 'Basic abc' }],
  ])('answers 401 %s, and nothing of the peer', async (_, headers) => {
    for (const path of ['/v1/status', '/v1/events', '/v1/metrics', '/v1/no-such-thing']) {
      const answer = await ask(path, headers);
      expect(answer.status).toBe(401);
      expect(answer.text).not.toContain(daemon.key);
    }
  });

  it('answers 403 under a foreign Host, as after DNS rebinding', async () => {
    const port = daemon.apiPort;
    for (const host of [
      'evil.example',
      `evil.example:${port}`,
      `127.0.0.1.evil.example:${port}`,
      `localhost.:${port}`,
      `127.0.0.1:${port}.evil.example`,
      `evil.example@127.0.0.1:${port}`,
      '127.0.0.1',
      'localhost',
      `127.0.0.1:${port + 1}`,
      `127.0.0.1:0${port}`,
      `127.0.0.1:${port}:${port}`,
      `127.1:${port}`,
      `[::1]:${port}`,
      `0.0.0.0:${port}`,
    ]) {
      for (const path of ['/v1/status', '/v1/events', '/']) {
        const answer = await ask(path, { ...bearer(daemon.token), host });
        expect(answer.status, `${path} under ${host}`).toBe(403);
        expect(answer.text).not.toContain(daemon.key);
      }
    }
    const own = `localhost:${daemon.apiPort}`;
    expect((await ask('/v1/status', { ...bearer(daemon.token), host: own })).status).toBe(200);
  });

  it('answers 403 to pages of another origin', async () => {
    for (const origin of ['https://evil.example', 'null', `http://127.0.0.1:${daemon.apiPort + 1}`]) {
      expect((await ask('/v1/status', { ...bearer(daemon.token), origin })).status).toBe(403);
    }
    const origin = `http://127.0.0.1:${daemon.apiPort}`;
    expect((await ask('/v1/status', { ...bearer(daemon.token), origin })).status).toBe(200);
  });

  it('keeps events and uploads from other origins, and from those without a token', async () => {
    for (const origin of ['https://evil.example', 'null', 'http://localhost', `https://127.0.0.1:${daemon.apiPort}`]) {
      expect((await ask('/v1/events', { ...bearer(daemon.token), origin })).status, origin).toBe(403);
      const headers = { ...bearer(daemon.token), origin, 'content-type': 'application/octet-stream' };
      expect((await ask('/v1/uploads', headers, 'POST', 'x')).status, origin).toBe(403);
    }
    // What a form of another site can send without asking: no token, and a type that the API does not take.
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x']) {
      expect((await ask('/v1/uploads', { 'content-type': type }, 'POST', 'x')).status).toBe(401);
      const allowed = { ...bearer(daemon.token), 'content-type': type };
      expect((await ask('/v1/uploads', allowed, 'POST', 'x')).status).toBeGreaterThanOrEqual(400);
      expect(
        (await ask('/v1/jobs', allowed, 'POST', '{"kernel":{"name":"prime-count"}}')).status,
      ).toBeGreaterThanOrEqual(400);
    }
    expect(await daemon.api('jobs')).toEqual({ jobs: [] });
  });

  it('gives no leave to a page that asks before it sends (preflight)', async () => {
    for (const path of ['/v1/status', '/v1/jobs', '/v1/uploads', '/v1/events', '/', '/elsewhere']) {
      for (const origin of ['https://evil.example', 'null', `http://127.0.0.1:${daemon.apiPort}`]) {
        const answer = await ask(
          path,
          { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' },
          'OPTIONS',
        );
        expect([401, 403], `${path} for ${origin}`).toContain(answer.status);
        expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control-'))).toEqual([]);
      }
    }
  });

  it('takes a token from the header alone, never from an address', async () => {
    for (const path of ['/v1/status', '/v1/events']) {
      for (const query of [`token=${daemon.token}`, `authorization=Bearer%20${daemon.token}`]) {
        expect((await ask(`${path}?${query}`, {})).status).toBe(401);
      }
      expect((await ask(path, { cookie: `token=${daemon.token}` })).status).toBe(401);
    }
  });

  it('lets the watch token look but not act', async () => {
    expect((await ask('/v1/status', bearer(watchToken))).status).toBe(200);
    const headers = { ...bearer(watchToken), 'content-type': 'application/json' };
    for (const path of ['/v1/jobs', '/v1/uploads', '/v1/jobs/abc/cancel']) {
      expect((await ask(path, headers, 'POST', '{}')).status).toBe(403);
    }
  });
});

describe('the tokens', () => {
  it('are told to the person at the terminal, and stand behind the # where a browser keeps them', async () => {
    const told = await shoal(['dashboard', '--data', daemon.data]);
    const url = new URL(told.stdout.trim());
    expect(url.hash).toBe(`#token=${daemon.token}`);
    expect(url.host).toBe(`127.0.0.1:${daemon.apiPort}`);
    expect(`${url.pathname}${url.search}`).toBe('/');
    const watching = await shoal(['dashboard', '--watch-only', '--json', '--data', daemon.data]);
    expect(JSON.parse(watching.stdout)).toEqual({
      url: `http://127.0.0.1:${daemon.apiPort}/#token=${watchToken}`,
      authority: 'watch',
    });
  });

  it('appear in no answer, no page and no log', async () => {
    const secrets = [daemon.token, watchToken];
    const script = /src="\.(\/assets\/[^"]+)"/.exec((await ask('/', {})).text)![1]!;
    const texts = [daemon.log()];
    for (const path of ['/', script, '/v1/status', '/v1/peers', '/v1/jobs', '/v1/why', '/v1/metrics', '/v1/kernels']) {
      const answer = await ask(path, bearer(daemon.token));
      expect(answer.status).toBe(200);
      texts.push(answer.text, JSON.stringify(answer.headers));
    }
    for (const secret of secrets) expect(texts.filter((text) => text.includes(secret))).toEqual([]);
  });
});

describe('answers', () => {
  it('has the view, peers, jobs and reasons', async () => {
    const status = await daemon.api<{ peerName: string; view: { self: string }; why: { text: string }[] }>('status');
    expect(status).toMatchObject({ peerName: daemon.peer, view: { self: daemon.key } });
    expect(status.why.map(({ text }) => text).join()).toContain('0 cores');
    expect(await daemon.api('peers')).toEqual({ peers: [] });
    expect(await daemon.api('jobs')).toEqual({ jobs: [] });
  });

  it('has metrics for Prometheus', async () => {
    const answer = await ask('/v1/metrics', bearer(daemon.token));
    expect(answer.headers['content-type']).toContain('text/plain; version=0.0.4');
    expect(answer.text).toContain('\nshoal_cores 0\n');
  });

  it('streams the view as an event', async () => {
    const first = await new Promise<string>((resolve, reject) => {
      const path = '/v1/events';
      const asked = request(
        { host: '127.0.0.1', port: daemon.apiPort, path, headers: bearer(watchToken) },
        (response) => {
          expect(response.headers['content-type']).toContain('text/event-stream');
          response.setEncoding('utf8').once('data', (text: string) => {
            asked.destroy();
            resolve(text);
          });
        },
      );
      asked.on('error', reject);
      asked.end();
    });
    const [event, data] = first.split('\n');
    expect(event).toBe('event: view');
    expect(JSON.parse(data!.replace(/^data: /, ''))).toMatchObject({ self: daemon.key });
  });

  it.each([
    ['no JSON', '{', 400],
    ['the wrong shape', '{"kernel": 5}', 400],
    ['an unknown key', '{"kernel": {"name": "prime-count"}, "colour": "red"}', 400],
    ['an unknown kernel', '{"kernel": {"name": "no-such"}}', 404],
    ['an unknown upload', '{"kernel": {"upload": "x", "manifest": {}}}', 404],
    ['a body beyond the limit', `{"kernel": "${'x'.repeat(1_100_000)}"}`, 413],
  ])('refuses a submission with %s', async (_, body, status) => {
    const headers = { ...bearer(daemon.token), 'content-type': 'application/json' };
    const answer = await ask('/v1/jobs', headers, 'POST', body);
    expect(answer.status).toBe(status);
    expect((JSON.parse(answer.text) as { error: { message: string } }).error.message).not.toBe('');
  });

  it('answers 404 for jobs and addresses it does not know', async () => {
    for (const path of ['jobs/abc', 'jobs/abc/result', 'why?job=abc', 'elsewhere']) {
      await expect(daemon.api(path)).rejects.toMatchObject({ status: 404 });
    }
  });
});
