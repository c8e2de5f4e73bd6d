/** An address of webrtc-direct stays what it is: its certificate outlives the daemon's process. */
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  CERTIFICATE_LIFETIME_MS,
  CERTIFICATE_RENEWAL_MS,
  keptCertificate,
  makeCertificate,
} from '../../node/daemon/webrtc-certificate.ts';
import type { TransportListener } from '../../node/runtime/environment.ts';
import { type RunningDaemon, startDaemon, until } from '../support/daemon.ts';
import { createPeer } from '../support/network/peers.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

const ignore = (): void => undefined;
const DEAF: TransportListener = {
  connected: ignore,
  disconnected: ignore,
  incompatible: ignore,
  dialFailed: ignore,
  roundTrip: ignore,
  gossip: ignore,
  direct: ignore,
};

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shoal-certificate-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('the file of the certificate', () => {
  const nowMs = Date.UTC(2026, 5, 1);
  let lines: string[] = [];
  const logger = { log: (level: string, message: string) => void lines.push(`${level} ${message}`) };
  const kept = (name: string, atMs = nowMs) => keptCertificate({ path: join(folder, name), nowMs: atMs, logger });
  afterEach(() => {
    lines = [];
  });

  it('is made once, for its owner only, and found again', async () => {
    const made = await kept('found.pem');
    expect(made.certhash).toMatch(/^uEi[A-Za-z0-9_-]{44}$/);
    expect((await stat(join(folder, 'found.pem'))).mode & 0o777).toBe(0o600);
    expect(await kept('found.pem')).toEqual(made);
    expect(lines).toEqual([]);
  });

  it('is renewed before it expires, with a word in the log, and not earlier', async () => {
    const made = await kept('old.pem');
    const dueMs = nowMs + CERTIFICATE_LIFETIME_MS - CERTIFICATE_RENEWAL_MS;
    expect((await kept('old.pem', dueMs - 60_000)).certhash).toBe(made.certhash);
    const renewed = await kept('old.pem', dueMs + 60_000);
    expect(renewed.certhash).not.toBe(made.certhash);
    expect(lines).toEqual([expect.stringMatching(/^info .*renewed/)]);
    expect(await kept('old.pem', dueMs + 120_000)).toEqual(renewed);
  });

  it.each([
    ['of something else', async () => 'hello', 'no private key'],
    ['cut off', async (text: string) => text.slice(0, -100), 'no certificate'],
    [
      'with a key of another',
      async (text: string) => `${(await makeCertificate(nowMs)).privateKey}\n${text}`,
      'another',
    ],
    ['with rotten bytes', async (text: string) => text.replace(/(BEGIN CERTIFICATE-----\s)M/, '$1X'), ''],
  ])('%s is replaced, with a warning that names it', async (name, damage, why) => {
    const made = await kept('damaged.pem');
    const path = join(folder, 'damaged.pem');
    await writeFile(path, await damage(await readFile(path, 'utf8')));
    expect((await kept('damaged.pem')).certhash, name).not.toBe(made.certhash);
    expect(lines).toEqual([expect.stringMatching(/^warn .*damaged\.pem is damaged/)]);
    expect(lines[0]).toContain(why);
  });
});

describe('a daemon on webrtc-direct', () => {
  const running: RunningDaemon[] = [];
  afterEach(() => Promise.all(running.splice(0).map((daemon) => daemon.stop())));
  const start = async (options: Parameters<typeof startDaemon>[0]): Promise<RunningDaemon> => {
    const daemon = await startDaemon({ network: 'certificate', cores: 0, timeoutMs: 60_000, ...options });
    running.push(daemon);
    return daemon;
  };
  const directOf = ({ addresses }: RunningDaemon): string =>
    addresses.find((address) => address.includes('/webrtc-direct/certhash/'))!;

  it('is reached also when its certificate has expired meanwhile: the hash counts, not the dates', async () => {
    const expired = () => makeCertificate(Date.now() - 2 * CERTIFICATE_LIFETIME_MS);
    const listen = ['/ip4/127.0.0.1/udp/0/webrtc-direct'];
    const [one, other] = [await createPeer({ listen, webRtcCertificate: expired }), await createPeer({ listen })];
    try {
      await one.transport.start(DEAF);
      await other.transport.start(DEAF);
      const [address] = one.transport.multiaddrs();
      expect(address).toContain('/webrtc-direct/certhash/');
      await other.transport.dial(address!);
      expect(other.transport.peers().map(({ peer }) => peer)).toEqual([one.transport.self]);
    } finally {
      await Promise.all([one.transport.stop(), other.transport.stop()]);
    }
  });

  it('is reached after a restart at the address it had before', async () => {
    const data = join(folder, 'daemon');
    const first = await start({ data, listen: ['/ip4/127.0.0.1/udp/0/webrtc-direct'] });
    const address = directOf(first);
    await running.pop()!.stop();
    const [, port] = /\/udp\/(\d+)\//.exec(address)!;
    const again = await start({ data, listen: [`/ip4/127.0.0.1/udp/${port}/webrtc-direct`] });
    expect(directOf(again)).toBe(address);
    const other = await start({ listen: ['/ip4/127.0.0.1/udp/0/webrtc-direct'], bootstrap: [address] });
    await until('the two are connected', async () => {
      const { peers } = await other.api<{ peers: { peer: string; connected: boolean; address: string }[] }>('peers');
      return peers.some(({ peer, connected }) => peer === again.key && connected);
    });
  });
});
