/** Websockets in TLS: for a peer that trusts the certificate, not for one that does not, and never without one. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { RecordingListener } from '../contract/transport.ts';
import { createCertificate } from '../support/certificates.ts';
import { startProvider } from '../support/network/child.ts';
import { createPeer, until } from '../support/network/peers.ts';

// Real connections and processes: on a busy machine they take their time.
vi.setConfig({ testTimeout: 120_000 });

const LISTEN = '/ip4/127.0.0.1/tcp/0/tls/ws';
const cleanups: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  await Promise.all(cleanups.splice(0).map((cleanup) => cleanup()));
});

test('a peer listens on wss with the certificate it is given, and is reached by who trusts that', async () => {
  const tls = await createCertificate({ ip: ['127.0.0.1'] });
  const folder = await mkdtemp(join(tmpdir(), 'shoal-tls-'));
  cleanups.push(() => rm(folder, { recursive: true, force: true }));
  const authority = join(folder, 'authority.pem');
  await writeFile(authority, tls.certificate);
  const { transport } = await createPeer({ listen: [LISTEN], tls });
  cleanups.push(() => transport.stop());
  const heard = new RecordingListener();
  await transport.start(heard);
  const bootstrap = transport.multiaddrs();
  expect(bootstrap[0]).toMatch(/^\/ip4\/127\.0\.0\.1\/tcp\/\d+\/tls\/ws\/p2p\//);

  const trusting = await startProvider({ blocks: 0, blockBytes: 0, bootstrap }, { NODE_EXTRA_CA_CERTS: authority });
  cleanups.push(async () => trusting.kill('SIGKILL'));
  await until(() => heard.of('connected').length === 1, 'the peer that trusts the certificate');
  expect(heard.of('connected')[0]!.peer).toBe(trusting.peer);

  const doubting = await createPeer({ bootstrap });
  const doubts = new RecordingListener();
  cleanups.push(() => doubting.transport.stop());
  await doubting.transport.start(doubts);
  await until(() => doubts.of('dialFailed').length > 0, 'the failure');
  expect(doubts.of('connected')).toEqual([]);
});

test.each([LISTEN, '/ip4/127.0.0.1/tcp/0/wss'])('%s is refused by name without a certificate', async (address) => {
  await expect(createPeer({ listen: [address] })).rejects.toMatchObject({
    code: 'address-refused',
    message: `${address}: encrypted websockets need a certificate and its key`,
  });
});
