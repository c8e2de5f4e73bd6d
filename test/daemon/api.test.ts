/** Who may talk to the control API, and what it answers. */

import { readFile, stat } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningDaemon, startDaemon } from '../support/daemon.ts';

let daemon: RunningDaemon;
let watchToken: string;

beforeAll(async () => {
  daemon = await startDaemon({ network: 'api', cores: 0 });
  watchToken = (await readFile(join(daemon.data, 'watch-token'), 'utf8')).trim();
});
afterAll(async () => {
  await daemon.stop();
});

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** By node:http, which lets a test send any Host. */
function ask(path: string, headers: Record<string, string>, method = 'GET', body?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port: daemon.apiPort, path, method, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text, headers: response.headers }));
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

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
      expect(answer.body).not.toContain(daemon.key);
    }
  });

  it('answers 403 under a foreign Host, as after DNS rebinding', async () => {
    for (const host of ['evil.example', `evil.example:${daemon.apiPort}`, '127.0.0.1']) {
      expect((await ask('/v1/status', { ...bearer(daemon.token), host })).status).toBe(403);
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

  it('lets the watch token look but not act', async () => {
    expect((await ask('/v1/status', bearer(watchToken))).status).toBe(200);
    const headers = { ...bearer(watchToken), 'content-type': 'application/json' };
    for (const path of ['/v1/jobs', '/v1/uploads', '/v1/jobs/abc/cancel']) {
      expect((await ask(path, headers, 'POST', '{}')).status).toBe(403);
    }
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
    expect(answer.body).toContain('\nshoal_cores 0\n');
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
    expect((JSON.parse(answer.body) as { error: { message: string } }).error.message).not.toBe('');
  });

  it('answers 404 for jobs and addresses it does not know', async () => {
    for (const path of ['jobs/abc', 'jobs/abc/result', 'why?job=abc', 'elsewhere']) {
      await expect(daemon.api(path)).rejects.toMatchObject({ status: 404 });
    }
  });
});
