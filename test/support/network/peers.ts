/** Real transports on loopback for tests, and waiting for what they report. */
import { type AddressInfo, createServer } from 'node:net';
import { generateKeyPair } from '@libp2p/crypto/keys';
import { createNodeTransport, type NodeTransportOptions } from '../../../node/network/nodejs.ts';
import type { NetworkTransport } from '../../../node/network/transport.ts';
import { testParameters } from '../../../node/protocol/parameters.ts';
import { silentLogger } from '../../../node/runtime/log.ts';
import { createMemoryStore, type MemoryStore } from '../memory-store.ts';

export interface TestPeer {
  readonly transport: NetworkTransport;
  readonly store: MemoryStore;
}

export const LOOPBACK_TCP = '/ip4/127.0.0.1/tcp/0';
export const LOOPBACK_WS = '/ip4/127.0.0.1/tcp/0/ws';

export async function createPeer(options: Partial<NodeTransportOptions> = {}): Promise<TestPeer> {
  const store = createMemoryStore();
  const transport = createNodeTransport({
    privateKey: await generateKeyPair('Ed25519'),
    listen: [LOOPBACK_TCP],
    bootstrap: [],
    parameters: testParameters('network-test'),
    blocks: store.blocks,
    logger: silentLogger,
    agent: 'shoal/test',
    ...options,
  });
  return { transport, store };
}

/** Polls until `condition` holds. Rejects after `withinMs`, naming what was waited for. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what = 'a condition',
  withinMs = 60_000,
): Promise<void> {
  const untilMs = Date.now() + withinMs;
  while (!(await condition())) {
    if (Date.now() > untilMs) throw new Error(`waited ${withinMs} ms in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A port of 127.0.0.1 that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
