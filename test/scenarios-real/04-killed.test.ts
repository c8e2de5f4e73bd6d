/** Sequence 4 with real daemons: five peers, one killed in mid-unit. What it had claimed is finished by others. */
import { expect, it } from 'vitest';
import { play } from '../demonstration/play.ts';
import { openSwarm, primes, TIMEOUT_MS } from './support.ts';

it("others finish a killed peer's unit", { timeout: TIMEOUT_MS }, async () => {
  const swarm = await openSwarm();
  const submitter = await swarm.start('submitter', { cores: 0 });
  const victims = await Promise.all(['a', 'b', 'c', 'd'].map((name) => swarm.start(name)));
  await swarm.connected();
  const piece = primes(4, 16, 2);
  const killing = { victims, from: 0.1, to: 0.8 };
  const { bytes, view, casualty, progress } = await play({ swarm, submitter, piece, killing });
  expect(Buffer.compare(bytes, piece.expected())).toBe(0);
  expect(casualty!.units.length).toBeGreaterThan(0);
  for (const unit of casualty!.units) {
    const { label, countedAuthors } = view.unitRows[unit]!;
    expect(label).toMatchObject({ kind: 'quorum', counted: 2 });
    expect(countedAuthors).not.toContain(casualty!.peer.key);
  }
  expect(progress.label).toContain('quorum 2/2');
  expect(view.refuted).toEqual([]);
});
