/**
 * Kills a peer in the middle of its work, and only there: at a moment at which the submitter sees it hold a live
 * claim. The peer is frozen first (SIGSTOP), so that between looking and killing it cannot finish what it is at; if it
 * turns out to have handed in its work already, it goes on and the next moment is awaited. On a busy machine a certain
 * peer may happen to hold no claim whenever somebody looks, so any of several may be the one.
 */
import type { JobId, UnitIndex } from '../../node/protocol/ids.ts';
import type { JobView, UnitRow } from '../../node/protocol/view.ts';
import { until } from '../support/daemon.ts';
import type { Swarm, SwarmPeer } from './swarm.ts';

export interface Casualty {
  readonly peer: SwarmPeer;
  /** Units it had claimed and neither committed nor revealed when it was killed. */
  readonly units: readonly UnitIndex[];
  /** Fraction of the units that had a result. */
  readonly doneFraction: number;
}

export interface KillPlan {
  readonly swarm: Swarm;
  readonly job: JobId;
  readonly submitter: SwarmPeer;
  /** Peers of which one is killed, the first that can be. */
  readonly victims: readonly SwarmPeer[];
  /** Fraction of units with a result from which on it may happen, and up to which it must have happened. */
  readonly from: number;
  readonly to: number;
}

/** Time for what the frozen peer had already sent to arrive everywhere. */
const SETTLE_MS = 60;
/** Looking is work for the submitter, too. */
const LOOK_INTERVAL_MS = 30;

/** Rejects if the job passes `to` without such a moment. */
export async function killAtWork({ swarm, job, submitter, victims, from, to }: KillPlan): Promise<Casualty> {
  const look = async () => (await submitter.client.job(job)).view!;
  const names = victims.map(({ name }) => name).join(' or ');
  return until(
    `${names} to hold a claim while ${from * 100} to ${to * 100} % of the units are agreed`,
    async () => {
      const seen = await look();
      if (doneFraction(seen) > to) throw new Error(`${names} held no claim between ${from} and ${to} of the job`);
      const victim = victims.find((peer) => claimedBy(peer, seen).length > 0);
      if (doneFraction(seen) < from || victim === undefined) return undefined;
      victim.daemon.child.kill('SIGSTOP');
      await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
      const view = await look();
      const units = claimedBy(victim, view);
      if (units.length === 0 || doneFraction(view) > to) {
        victim.daemon.child.kill('SIGCONT');
        return undefined;
      }
      await swarm.kill(victim, 'SIGKILL');
      return { peer: victim, units, doneFraction: doneFraction(view) };
    },
    300_000,
    LOOK_INTERVAL_MS,
  );
}

export function doneFraction({ counts, units }: JobView): number {
  return (counts.agreed + counts.own + counts.satisfied) / units;
}

function claimedBy(peer: SwarmPeer, { unitRows }: JobView): readonly UnitIndex[] {
  return unitRows.filter((row) => isClaimedBy(row, peer)).map(({ unit }) => unit);
}

function isClaimedBy(row: UnitRow, { key }: SwarmPeer): boolean {
  const hasResult = row.label !== undefined;
  const handedIn = row.committedBy.includes(key) || row.revealedBy.some(({ author }) => author === key);
  return row.claimedBy.includes(key) && !handedIn && !hasResult;
}
