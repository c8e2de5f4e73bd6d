/**
 * What the scenarios share: worlds with the real protocol core, and a few ways to read the story off them. Times in
 * the scenarios are virtual, counted from the submission of the job.
 */
import type { PeerKey, UnitIndex } from '../../node/protocol/ids.ts';
import { openParameters, type Parameters } from '../../node/protocol/parameters.ts';
import { createPeer } from '../../node/protocol/peer.ts';
import type { Reason, UnitRow } from '../../node/protocol/view.ts';
import type { SimulatedPeer } from '../simulator/peer.ts';
import { type SubmittedJob, World, type WorldOptions } from '../simulator/world.ts';

/** The timing of the open network: hold at least 250 ms, overdue after 5 s. */
export const OPEN: Parameters = { ...openParameters(), network: 'scenario' };

export function createWorld(options: Partial<WorldOptions> = {}): World {
  return new World({ seed: 1, parameters: OPEN, createPeer, ...options });
}

/** Peers by these names, the first one usually the submitter. */
export function addHonest<N extends string>(world: World, ...names: readonly N[]): Record<N, SimulatedPeer> {
  return Object.fromEntries(names.map((name) => [name, world.addPeer({ name })])) as Record<N, SimulatedPeer>;
}

/** Seconds since the job was submitted. */
export function secondsSince(job: SubmittedJob, atMs: number): number {
  return (atMs - job.submittedAtMs) / 1_000;
}

export function names(world: World, keys: readonly PeerKey[]): string[] {
  return keys.map((key) => world.nameOf(key)).sort();
}

export function unitRow(job: SubmittedJob, unit: UnitIndex, peer: SimulatedPeer = job.submitter): UnitRow {
  const row = peer.driver.jobView(job.id)?.unitRows[unit];
  if (row === undefined) throw new Error(`${peer.name} does not know unit ${unit}`);
  return row;
}

/** Reasons a peer gives, its own and those of the job. */
export function reasons(peer: SimulatedPeer, job?: SubmittedJob): readonly Reason[] {
  const own = peer.driver.view().why;
  return job === undefined ? own : [...own, ...(peer.driver.jobView(job.id)?.why ?? [])];
}

export function correctResults(job: SubmittedJob): number {
  return [...job.results.values()].filter(({ correct }) => correct).length;
}

/** When this peer first claimed the unit, in virtual milliseconds; undefined if it never did. */
export function claimedAt(world: World, job: SubmittedJob, unit: UnitIndex, peer: SimulatedPeer): number | undefined {
  return world.wire
    .ofKind('claim')
    .find(
      ({ author, body }) => author === peer.key && body.job === job.id && body.leaseMs > 0 && body.units.includes(unit),
    )?.atMs;
}

/** Peers that hold a claim or have sealed the unit, in the order in which they did. */
export function starters(world: World, job: SubmittedJob, unit: UnitIndex): readonly SimulatedPeer[] {
  const claims = world.wire
    .ofKind('claim')
    .filter(({ body }) => body.job === job.id && body.leaseMs > 0 && body.units.includes(unit));
  return [...new Set(claims.map(({ author }) => world.peerOf(author)))];
}
