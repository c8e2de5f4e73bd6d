/** The sides of a comparison: a tab, and a daemon, each stopped and started by its owner's pause. */
import type { Page } from 'puppeteer-core';
import type { PeerView } from '../../../node/protocol/view.ts';
import type { SwarmPeer } from '../../demonstration/swarm.ts';
import { call } from './fixture.ts';
import { type Side, sampleOf } from './rounds.ts';

export function tabSide(name: string, page: Page, pid: number): Side {
  const view = (): Promise<PeerView> => call(page, 'view');
  return {
    name,
    pid,
    begin: () => call(page, 'resume', 'manual'),
    end: () => call(page, 'pause', 'manual'),
    sample: async () => sampleOf(await view()),
    isIdle: async () => isIdle(await view()),
    pausedBy: async () => (await view()).paused,
  };
}

export function daemonSide(name: string, { client, daemon }: SwarmPeer): Side {
  const view = async (): Promise<PeerView> => (await client.status()).view;
  const pause = async (paused: boolean): Promise<void> => {
    await daemon.api('capacity', { paused });
  };
  return {
    name,
    pid: daemon.pid,
    begin: () => pause(false),
    end: () => pause(true),
    sample: async () => sampleOf(await view()),
    isIdle: async () => isIdle(await view()),
    pausedBy: async () => (await view()).paused,
  };
}

export async function isSeen({ client }: SwarmPeer, key: string): Promise<boolean> {
  return (await client.peers()).some(({ peer, connected }) => peer === key && connected);
}

function isIdle({ replicas }: PeerView): boolean {
  return !replicas.some(({ phase }) => phase === 'executing' || phase === 'fetching');
}
