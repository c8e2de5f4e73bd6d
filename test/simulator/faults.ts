/**
 * Faults are drawn before the run begins, from a stream of their own, so that they can be printed first and a failing
 * run can be told from its first lines. The submitter (peer 0) is never among the killed; scenarios do that by hand.
 */
import type { RandomStream } from './random.ts';
import type { World } from './world.ts';

export type Fault =
  | { readonly kind: 'kill'; readonly atMs: number; readonly peer: number; readonly downMs: number }
  | {
      readonly kind: 'partition';
      readonly atMs: number;
      readonly durationMs: number;
      readonly peers: readonly number[];
    };

export interface FaultOptions {
  readonly peers: number;
  /** Share of the peers killed and restarted a minute. */
  readonly churn: number;
  /** Length of one partition into two halves; 0 for none. */
  readonly partitionMs: number;
  /** Kills are drawn for this long. */
  readonly horizonMs: number;
}

export function drawFaults(options: FaultOptions, random: RandomStream): readonly Fault[] {
  const faults: Fault[] = [];
  const kills = random.fork('kills');
  const perMs = (options.churn * options.peers) / 60_000;
  for (let atMs = perMs > 0 ? kills.exponential(1 / perMs) : Number.POSITIVE_INFINITY; atMs < options.horizonMs; ) {
    const peer = 1 + kills.below(options.peers - 1);
    faults.push({ kind: 'kill', atMs: Math.round(atMs), peer, downMs: Math.round(kills.between(1_000, 10_000)) });
    atMs += kills.exponential(1 / perMs);
  }
  if (options.partitionMs > 0) {
    const partitions = random.fork('partitions');
    const indices = Array.from({ length: options.peers }, (_, index) => index);
    const peers = partitions.shuffled(indices).slice(0, Math.floor(options.peers / 2));
    const atMs = Math.round(partitions.between(1_000, 5_000));
    faults.push({ kind: 'partition', atMs, durationMs: options.partitionMs, peers: peers.sort((a, b) => a - b) });
  }
  return faults.sort((a, b) => a.atMs - b.atMs);
}

/** Arms all faults, counted from now. */
export function applyFaults(world: World, faults: readonly Fault[]): void {
  for (const fault of faults) {
    world.trace.note(JSON.stringify(fault));
    world.clock.after(fault.atMs, () => {
      if (fault.kind === 'kill') killFor(world, fault.peer, fault.downMs);
      else partitionFor(world, fault.peers, fault.durationMs);
    });
  }
}

export function describeFault(fault: Fault): string {
  const at = `${(fault.atMs / 1_000).toFixed(1)} s`;
  if (fault.kind === 'kill')
    return `${at}: peer ${fault.peer} killed, back after ${(fault.downMs / 1_000).toFixed(1)} s`;
  return `${at}: ${fault.peers.length} peers cut off for ${(fault.durationMs / 1_000).toFixed(1)} s`;
}

function killFor(world: World, index: number, downMs: number): void {
  const peer = world.peers[index]!;
  if (!peer.isUp) return;
  peer.kill();
  world.clock.after(downMs, () => {
    if (peer.isUp) return;
    peer.start();
    // Its transport is up one turn later.
    world.clock.after(1, () => world.connect(peer));
  });
}

function partitionFor(world: World, indices: readonly number[], durationMs: number): void {
  const cutOff = new Set(indices);
  world.network.partition([
    world.peers.filter(({ index }) => !cutOff.has(index)).map(({ key }) => key),
    world.peers.filter(({ index }) => cutOff.has(index)).map(({ key }) => key),
  ]);
  world.clock.after(durationMs, () => {
    world.network.heal();
    for (const peer of world.peers) if (peer.isUp) world.connect(peer);
  });
}
