/**
 * The owner's side of jobs, on a network that does what each test says: what is refused before anybody hears of it,
 * what is pinned and noted when, and what a service made anew finds and goes on with.
 */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { ExecutionRequest } from '../../../node/protocol/effect.ts';
import type { Event } from '../../../node/protocol/event.ts';
import type { Digest, JobId, PeerKey } from '../../../node/protocol/ids.ts';
import type { Notification } from '../../../node/protocol/notification.ts';
import { packLeaf, TRAP, type TrapKind } from '../../../node/protocol/trust/commitment.ts';
import type { JobView, UnitRow } from '../../../node/protocol/view.ts';
import { cidOf, encodeUnitOutput } from '../../../node/protocol/wire/block.ts';
import type { JobRequest, JobSpec } from '../../../node/protocol/work/job.ts';
import { unitCount } from '../../../node/protocol/work/job.ts';
import type { Driver } from '../../../node/runtime/driver.ts';
import { StorageError } from '../../../node/runtime/environment.ts';
import { silentLogger } from '../../../node/runtime/log.ts';
import { SdkError } from '../../../node/sdk/error.ts';
import { KernelCatalogue } from '../../../node/sdk/jobs/catalogue.ts';
import type { JobNote } from '../../../node/sdk/jobs/note.ts';
import { JobService, type Submission } from '../../../node/sdk/jobs/service.ts';
import type { KernelManifest } from '../../../node/sdk/manifest.ts';
import { createMemoryJobStore, type MemoryJobStore } from '../../support/memory-job-store.ts';
import { jobView, peerView, unit } from '../page/fixtures.ts';
import { manifest, withReduce } from './fixtures.ts';

const WASM = new TextEncoder().encode('\0asm and so on');
const AUTHOR = 'b'.repeat(64) as PeerKey;
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const bytes = (words: string): Uint8Array => new TextEncoder().encode(words);
const sha256 = (content: Uint8Array): Digest => createHash('sha256').update(content).digest('hex') as Digest;

/** A peer whose network is the test. */
class Peer implements Driver {
  readonly views = new Map<JobId, JobView>();
  readonly events: Event[] = [];
  cores = 1;
  refuses: string | undefined;
  /** Called between the announcement and the submitter's hearing of it. */
  onAnnounced: (job: JobId) => void | Promise<void> = () => undefined;
  readonly #listeners = new Set<(notification: Notification) => void>();

  async start(): Promise<void> {}
  async stop(): Promise<void> {}

  dispatch(event: Event): void {
    this.events.push(event);
    if (event.type === 'job-submitted') void this.#announce(event.ticket, event.request);
    if (event.type !== 'job-controlled') return;
    this.#change(event.job, { state: 'cancelled' });
    this.notify({ type: 'job-cancelled', job: event.job });
  }

  subscribe(listener: (notification: Notification) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  view = () => peerView({ cores: this.cores, jobs: [...this.views.values()] });
  jobView = (job: JobId) => this.views.get(job);

  notify(notification: Notification): void {
    for (const listener of this.#listeners) listener(notification);
  }

  /** All units have these outputs, which `keep` stores; `traps` by task. */
  async finish(
    job: JobId,
    outputs: readonly (readonly string[])[],
    store: MemoryJobStore,
    traps: Partial<Record<number, TrapKind>> = {},
  ): Promise<void> {
    const rows: UnitRow[] = [];
    let task = 0;
    for (const [index, texts] of outputs.entries()) {
      const leaves = texts.map((words) =>
        packLeaf({ trap: traps[task++] ?? TRAP.none, fuel: 1, outputHash: sha256(bytes(words)) }),
      );
      const block = encodeUnitOutput({
        leaves: Uint8Array.from(leaves.flatMap((leaf) => [...leaf])),
        outputs: texts.map(bytes),
      });
      const output = cidOf(block, 'dag-cbor');
      await store.blocks.put(output, block, job);
      const root = sha256(block);
      const label = { kind: 'quorum', counted: 2, needed: 2, sequential: false } as const;
      rows.push(unit(index, { state: 'agreed', label, output, root, revealedBy: [{ author: AUTHOR, root }] }));
    }
    this.#change(job, { state: 'finished', unitRows: rows, fuel: 12, executions: 2 * rows.length });
    this.notify({ type: 'job-finished', job });
  }

  #change(job: JobId, change: Partial<JobView>): void {
    const view = this.views.get(job);
    if (view === undefined) throw new Error(`no job ${job}`);
    this.views.set(job, { ...view, ...change });
  }

  async #announce(ticket: number, request: JobRequest): Promise<void> {
    await Promise.resolve();
    if (this.refuses !== undefined) {
      this.notify({ type: 'job-refused', ticket, code: this.refuses, detail: 'it is too large' });
      return;
    }
    const job = String(this.views.size + 1).repeat(64) as JobId;
    const rows = Array.from({ length: unitCount(request) }, (_, index) => unit(index));
    this.views.set(job, jobView(rows, { job, own: true, spec: request as unknown as JobSpec }));
    await this.onAnnounced(job);
    this.notify({ type: 'job-accepted', ticket, job });
  }
}

interface World {
  readonly peer: Peer;
  readonly store: MemoryJobStore;
  readonly service: JobService;
  /** Tasks tried before anything is announced. */
  readonly tried: ExecutionRequest[];
}

interface Changes {
  readonly peer?: Peer;
  readonly store?: MemoryJobStore;
  readonly trap?: TrapKind;
  readonly notesMax?: number;
  readonly resultBytesMax?: number;
  readonly mergeFails?: Error;
}

async function start({
  peer = new Peer(),
  store,
  trap = TRAP.none,
  notesMax = 10,
  resultBytesMax = 1_000,
  mergeFails,
}: Changes = {}): Promise<World> {
  const kept = store ?? (await createMemoryJobStore());
  const tried: ExecutionRequest[] = [];
  let ids = 0;
  const service = new JobService({
    driver: peer,
    store: kept,
    executor: {
      execute(_ticket, request, done) {
        tried.push(request);
        const leaves = packLeaf({ trap, fuel: 1, outputHash: sha256(new Uint8Array(0)) });
        const execution = { leaves, merkleRoot: '' as Digest, fuel: 1, output: undefined, wallClockMs: 7 };
        queueMicrotask(() => done({ ok: true, execution }));
      },
      cancel: () => undefined,
    },
    merger: {
      async reduce({ outputs }) {
        if (mergeFails !== undefined) throw mergeFails;
        return bytes(outputs.map(text).join('+'));
      },
    },
    transport: {
      fetch: (request, done) => queueMicrotask(() => done({ ok: false, missing: request.cids, asked: [] })),
    },
    clock: { now: () => 1_000, schedule: () => () => undefined, defer: (callback) => queueMicrotask(callback) },
    logger: silentLogger,
    metering: { rewriter: 1, mode: 'simple', weights: 1 },
    quorumMin: 2,
    kernels: new KernelCatalogue(
      { names: async () => [], load: (name) => Promise.reject(new SdkError('kernel-unknown', `no kernel ${name}`)) },
      async () => ({ hasReduce: true }),
    ),
    sha256,
    randomId: () => `id-${++ids}`,
    failures: {
      describe: (error) => ({ code: (error as { code: string }).code, message: (error as Error).message }),
      revive: (code, message) => Object.assign(new Error(message), { code }),
    },
    notesMax,
    resultBytesMax,
  });
  service.listen();
  await service.resume();
  return { peer, store: kept, service, tried };
}

function submission(kernel: KernelManifest = manifest(), changes: Partial<Submission> = {}): Submission {
  return {
    kernel: { bytes: WASM, manifest: kernel },
    arguments: { small: '9' },
    file: { name: 'lines.txt', bytes: bytes('one\ntwo\nthree\nfour\nfive\nsix\nseven\n') },
    policy: {},
    ...changes,
  };
}

/** The outcome, as soon as it is noted. */
async function ended(service: JobService, job: JobId) {
  for (let turn = 0; turn < 1_000; turn++) {
    const outcome = service.note(job)?.outcome;
    if (outcome !== undefined) return outcome;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error('the job has no outcome');
}

const drafts = ({ store }: World): string[] => [...store.kept.notes.keys()].filter((key) => key.startsWith('draft/'));

describe('submitting', () => {
  it('tries a task, announces with the time it took, notes the job, and pins its blocks for it alone', async () => {
    const world = await start();
    const job = await world.service.submit(submission());
    expect(world.tried.length).toBeGreaterThanOrEqual(1);
    const announced = world.peer.events.find((event) => event.type === 'job-submitted');
    expect(announced).toMatchObject({ request: { expectedUnitMs: 7 * 3, quorum: 2, title: 'Echo' } });
    expect(world.service.note(job)).toMatchObject({ job, fileName: 'lines.txt', arguments: { small: '9' }, tasks: 4 });
    expect([...world.store.blocks.holders()]).toEqual([job]);
    expect(drafts(world)).toEqual([]);
    expect(world.service.progress(job)).toMatchObject({ state: 'running', done: 0, units: 2, kernel: 'echo' });
  });

  it('announces nothing of a kernel that traps here, and keeps nothing of it', async () => {
    const world = await start({ trap: TRAP.outOfFuel });
    await expect(world.service.submit(submission())).rejects.toMatchObject({
      name: 'SdkError',
      code: 'job-failed',
      message: expect.stringMatching(/ran out of fuel.*Nothing was announced/),
    });
    expect(world.peer.events).toEqual([]);
    expect([...world.store.blocks.holders()]).toEqual([]);
    expect(world.store.kept.notes.size).toBe(0);
  });

  it('tries nothing where no cores are given', async () => {
    const peer = new Peer();
    peer.cores = 0;
    const world = await start({ peer, trap: TRAP.trap });
    await world.service.submit(submission());
    expect(world.tried).toEqual([]);
  });

  it('says why the peer refused it, and lets go of what it had pinned', async () => {
    const peer = new Peer();
    peer.refuses = 'too-large';
    const world = await start({ peer });
    await expect(world.service.submit(submission())).rejects.toMatchObject({
      code: 'job-refused',
      message: expect.stringContaining('it is too large (too-large)'),
    });
    expect([...world.store.blocks.holders()]).toEqual([]);
    expect(world.service.notes()).toEqual([]);
  });

  it.each([
    ['a manifest with a wrong key', { kernel: { bytes: WASM, manifest: { name: 'x' } } }, 'manifest-invalid'],
    ['a kernel nobody has', { kernel: { name: 'nothing' } }, 'kernel-unknown'],
    ['an argument nobody declared', { arguments: { other: '1' } }, 'argument-unknown'],
    ['a missing file', { file: undefined }, 'file-missing'],
    ["a quorum below the network's", { policy: { quorum: 1 } }, 'quorum-too-low'],
  ] as const)('refuses %s at once', async (_what, changes, code) => {
    const world = await start();
    await expect(world.service.submit(submission(manifest(), changes as Partial<Submission>))).rejects.toMatchObject({
      code,
    });
    expect(world.peer.events).toEqual([]);
    expect(world.store.kept.blocks.size).toBe(0);
  });

  it('lets go of everything when there is no room for the input', async () => {
    const world = await start({ store: await createMemoryJobStore(600) });
    await expect(world.service.submit(submission())).rejects.toMatchObject({ name: 'StorageError', code: 'quota' });
    expect([...world.store.blocks.holders()]).toEqual([]);
    expect(drafts(world)).toEqual([]);
  });
});

describe('the end of a job', () => {
  const OUTPUTS = [['a', 'b', 'c'], ['d']];

  it('joins outputs in order and keeps the result with what stands behind it', async () => {
    const world = await start();
    const job = await world.service.submit(submission());
    await expect(world.service.result(job)).rejects.toMatchObject({ code: 'job-running' });
    await world.peer.finish(job, OUTPUTS, world.store);
    expect(await ended(world.service, job)).toMatchObject({
      state: 'finished',
      label: 'quorum 2/2',
      byteLength: 4,
      sha256: sha256(bytes('abcd')),
      fuel: 12,
    });
    expect(text(await world.service.result(job))).toBe('abcd');
    expect(text(await world.service.unitOutput(job, 1))).toBe('d');
    expect(world.service.progress(job)).toMatchObject({ state: 'finished', done: 2 });
  });

  it('merges by the kernel where the manifest says so', async () => {
    const world = await start();
    const job = await world.service.submit(submission(withReduce()));
    await world.peer.finish(job, OUTPUTS, world.store);
    await ended(world.service, job);
    expect(text(await world.service.result(job))).toBe('a+b+c+d');
  });

  it('is noted even if it came before the submission was', async () => {
    const store = await createMemoryJobStore();
    const peer = new Peer();
    peer.onAnnounced = (job) => peer.finish(job, OUTPUTS, store);
    const { service } = await start({ peer, store });
    const job = await service.submit(submission());
    expect(await ended(service, job)).toMatchObject({ state: 'finished' });
  });

  it('names the tasks that failed, and keeps that answer', async () => {
    const world = await start();
    const job = await world.service.submit(submission());
    await world.peer.finish(job, OUTPUTS, world.store, { 1: TRAP.kernelError, 3: TRAP.trap });
    expect(await ended(world.service, job)).toMatchObject({ state: 'failed', code: 'job-failed' });
    await expect(world.service.result(job)).rejects.toThrow(/^2 of 4 tasks failed .*First: task 1\.$/);
  });

  it('is a failure with the cause where outputs cannot be merged or kept', async () => {
    const world = await start({ mergeFails: new StorageError('quota', 'no room for the result') });
    const job = await world.service.submit(submission(withReduce()));
    await world.peer.finish(job, OUTPUTS, world.store);
    expect(await ended(world.service, job)).toMatchObject({ state: 'failed', code: 'quota' });
    await expect(world.service.result(job)).rejects.toMatchObject({ code: 'quota', message: 'no room for the result' });
  });

  it('is a failure where an output is kept nowhere any more', async () => {
    const world = await start();
    const job = await world.service.submit(submission());
    const elsewhere = await createMemoryJobStore();
    await world.peer.finish(job, OUTPUTS, elsewhere);
    expect(await ended(world.service, job)).toMatchObject({ state: 'failed', code: 'output-missing' });
  });

  it('comes by its owner, once', async () => {
    const world = await start();
    const job = await world.service.submit(submission());
    world.service.cancel(job);
    expect(await ended(world.service, job)).toMatchObject({ state: 'cancelled' });
    expect(() => world.service.cancel(job)).toThrow('is cancelled already');
    await expect(world.service.result(job)).rejects.toMatchObject({ code: 'job-cancelled' });
    expect(() => world.service.cancel('f'.repeat(64) as JobId)).toThrow('another peer');
  });

  it('lets the oldest be forgotten with its result, and never one that runs', async () => {
    const world = await start({ notesMax: 2 });
    const running = await world.service.submit(submission());
    const jobs: JobId[] = [];
    for (let i = 0; i < 3; i++) {
      const job = await world.service.submit(submission());
      await world.peer.finish(job, OUTPUTS, world.store);
      await ended(world.service, job);
      jobs.push(job);
    }
    await world.service.stop();
    expect(world.service.notes().map(({ job }) => job)).toContain(running);
    expect(world.service.notes()).toHaveLength(2);
    expect([...world.store.kept.results.keys()]).toEqual([jobs[2]]);
    expect(world.store.kept.notes.size).toBe(2);
  });
});

describe('room for results', () => {
  /** Of eight bytes each. */
  const eight = [['ab', 'cd', 'ef'], ['gh']];
  async function finishedJobs(world: World, count: number): Promise<readonly JobId[]> {
    const jobs: JobId[] = [];
    for (let i = 0; i < count; i++) {
      const job = await world.service.submit(submission());
      await world.peer.finish(job, eight, world.store);
      await ended(world.service, job);
      jobs.push(job);
    }
    await world.service.stop();
    return jobs;
  }

  it('is made by the results of the jobs that ended longest ago; what is known of them stays', async () => {
    const world = await start({ resultBytesMax: 16 });
    const [first, second, third] = await finishedJobs(world, 3);
    expect([...world.store.kept.results.keys()]).toEqual([second, third]);
    expect(world.service.finished(first!)).toMatchObject({ state: 'finished', byteLength: 8 });
    await expect(world.service.result(first!)).rejects.toMatchObject({
      code: 'output-missing',
      message: expect.stringContaining('gave way to later ones'),
    });
    expect(text(await world.service.result(second!))).toBe('abcdefgh');

    const { service } = await start({ peer: world.peer, store: world.store, resultBytesMax: 16 });
    await expect(service.result(first!)).rejects.toThrow('gave way');
    expect(text(await service.result(third!))).toBe('abcdefgh');
  });

  it('is left to the latest result, whatever its size', async () => {
    const world = await start({ resultBytesMax: 3 });
    const [, second] = await finishedJobs(world, 2);
    expect([...world.store.kept.results.keys()]).toEqual([second]);
  });
});

describe('a service made anew', () => {
  it('goes on with its jobs and joins what has finished meanwhile', async () => {
    const world = await start();
    const job = await world.service.submit(submission());
    await world.service.stop();
    await world.peer.finish(job, [['a', 'b', 'c'], ['d']], world.store);
    const { service } = await start({ peer: world.peer, store: world.store });
    expect(await ended(service, job)).toMatchObject({ state: 'finished' });
    expect(text(await service.result(job))).toBe('abcd');
  });

  it('adopts a job that was announced before it could be noted, and drops drafts that were not', async () => {
    const world = await start();
    const job = await world.service.submit(submission());
    const note = world.store.kept.notes.get(`job/${job}`) as JobNote;
    // As a crash between announcement and note leaves it, and one before the announcement.
    await world.store.notes.delete(`job/${job}`);
    await world.store.blocks.release(job);
    const [half, never] = ['draft/half', 'draft/never'] as JobId[];
    await world.store.notes.put(half!, { ...note, job: half });
    await world.store.blocks.pin([note.kernel, note.input], half!);
    await world.store.notes.put(never!, { ...note, job: never, input: note.kernel });
    await world.store.blocks.pin([note.kernel], never!);

    const { service } = await start({ peer: world.peer, store: world.store });
    expect(service.note(job)).toMatchObject({ job, title: 'Echo', outcome: undefined });
    expect([...world.store.blocks.holders()]).toEqual([job]);
    expect(drafts(world)).toEqual([]);
  });

  it('finds a job by the beginning of its id', async () => {
    const { service } = await start();
    const first = await service.submit(submission());
    await service.submit(submission());
    expect(service.resolve('1111')).toBe(first);
    expect(() => service.resolve('')).toThrow('no job');
    expect(() => service.resolve('f')).toThrow('no job f');
  });
});
