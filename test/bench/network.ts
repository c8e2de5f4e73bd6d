/** The same work by three peers: a submitter without cores and two volunteers with one each, quorum 2. */
import { untilFinished } from '../demonstration/play.ts';
import type { Swarm, SwarmPeer } from '../demonstration/swarm.ts';
import { cpuMsOfAll, type Effort } from './effort.ts';
import { isRight, type Work } from './work.ts';

export interface NetworkEffort extends Effort {
  readonly executionsPerUnit: number;
  readonly units: number;
}

export async function openNetwork(swarm: Swarm): Promise<SwarmPeer> {
  const submitter = await swarm.start('submitter', { cores: 0 });
  await Promise.all(['volunteer 1', 'volunteer 2'].map((name) => swarm.start(name)));
  await swarm.connected();
  return submitter;
}

/** From the submission to the joined result. Rejects when the result is wrong or not agreed by two in every unit. */
export async function runOnNetwork(
  swarm: Swarm,
  submitter: SwarmPeer,
  work: Work,
  onProgress: (fraction: number) => void,
): Promise<NetworkEffort> {
  const { client } = submitter;
  const pids = swarm.running.map(({ daemon }) => daemon.pid);
  const cpuBefore = cpuMsOfAll(pids);
  const startedAt = performance.now();
  const { tasksPerUnit, side } = work.grain;
  const job = await client.submit({
    kernel: { upload: await client.uploadBytes(work.kernel.wasm), manifest: work.kernel.manifest },
    arguments: { ...work.arguments },
    policy: { quorum: 2, ownResults: 'never', tasksPerUnit, taskSize: side },
  });
  const progress = await untilFinished(submitter, job, 600_000, ({ done, units }) => onProgress(done / units));
  const elapsedMs = performance.now() - startedAt;
  const cpuAfter = cpuMsOfAll(pids);
  const cpuMs = cpuBefore === undefined || cpuAfter === undefined ? undefined : cpuAfter - cpuBefore;
  if (!progress.label.startsWith('quorum 2/2')) throw new Error(`results are ${progress.label}, not quorum 2/2`);
  if (!isRight(work, await client.result(job))) throw new Error(`the result at ${work.grain.name} is wrong`);
  const { executions, units } = progress;
  return { tasks: work.tasks, elapsedMs, cpuMs, executionsPerUnit: executions / units, units };
}
