/** A WASI program on three real peers, from the command line to its output. */
import { expect, it } from 'vitest';
import type { JobId } from '../../node/protocol/ids.ts';
import { shoal } from '../support/daemon.ts';
import { readingsJob } from '../wasi/job.ts';
import { openSwarm, TIMEOUT_MS, viewOf } from './support.ts';

it('two peers agree on output and fuel of every unit of a WASI program', { timeout: TIMEOUT_MS }, async () => {
  const swarm = await openSwarm();
  const submitter = await swarm.start('submitter');
  await Promise.all(['second', 'third'].map((name) => swarm.start(name)));
  await swarm.connected();
  const wanted = await readingsJob(swarm.folder);
  const run = await shoal(wanted.commandLine(submitter.daemon.data), { timeoutMs: TIMEOUT_MS });
  expect(run.exitCode, run.stderr).toBe(0);
  const { job, label, fuel } = JSON.parse(run.stdout) as { job: JobId; label: string; fuel: number };
  expect(label).toBe('quorum 2/2');
  expect(new TextDecoder().decode(await submitter.client.result(job))).toBe(wanted.output);
  expect(fuel).toBe(wanted.fuel);

  const { unitRows } = (await viewOf(submitter, job))!;
  expect(unitRows).toHaveLength(wanted.units);
  const peers = swarm.running.map(({ key }) => key);
  for (const { countedAuthors, revealedBy, label: ofUnit } of unitRows) {
    expect(ofUnit).toMatchObject({ kind: 'quorum', counted: 2 });
    expect(new Set(countedAuthors).size).toBe(2);
    expect(peers).toEqual(expect.arrayContaining([...countedAuthors]));
    // The root is over output and fuel of each task.
    expect(new Set(revealedBy.map(({ root }) => root)).size).toBe(1);
  }
});
