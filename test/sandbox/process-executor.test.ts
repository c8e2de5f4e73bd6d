/** What the daemon's side does when its sandbox process ends, hangs, says nonsense or does not start: on virtual time. */
import { describe, expect, it } from 'vitest';
import { ProcessExecutor } from '../../node/daemon/workers/process-executor.ts';
import type { ProcessListener } from '../../node/daemon/workers/process-handle.ts';
import type { FromSandbox, ToSandbox } from '../../node/daemon/workers/process-messages.ts';
import { nativeSha256 } from '../../node/daemon/workers/sha256.ts';
import type { ExecutionRequest } from '../../node/protocol/effect.ts';
import type { Cid } from '../../node/protocol/ids.ts';
import { cidOf } from '../../node/protocol/wire/block.ts';
import type { ExecutionOutcome } from '../../node/runtime/environment.ts';
import { silentLogger } from '../../node/runtime/log.ts';

class FakeProcess {
  readonly posted: ToSandbox[] = [];
  readonly #listener: ProcessListener;
  isKilled = false;

  constructor(listener: ProcessListener) {
    this.#listener = listener;
  }

  says(message: FromSandbox): void {
    this.#listener.message(message);
  }

  saysAnything(message: unknown): void {
    this.#listener.message(message);
  }

  ends(detail = 'it got SIGKILL'): void {
    if (!this.isKilled) this.#listener.ended(detail);
  }

  get workIds(): readonly number[] {
    return this.posted.flatMap((message) => (message.type === 'work' ? [message.id] : []));
  }
}

class World {
  now = 0;
  readonly processes: FakeProcess[] = [];
  readonly health: (string | undefined)[] = [];
  readonly blocks = new Map<Cid, Uint8Array>();
  readonly outcomes = new Map<number, ExecutionOutcome>();
  readonly executor: ProcessExecutor;
  #timers: { readonly at: number; readonly callback: () => void }[] = [];

  constructor() {
    this.executor = new ProcessExecutor({
      start: (_cores, listener) => {
        const made = new FakeProcess(listener);
        this.processes.push(made);
        return {
          pid: this.processes.length,
          post: (message) => made.posted.push(message),
          kill: async () => {
            made.isKilled = true;
          },
        };
      },
      schedule: (afterMs, callback) => {
        const timer = { at: this.now + afterMs, callback };
        this.#timers.push(timer);
        return () => {
          this.#timers = this.#timers.filter((other) => other !== timer);
        };
      },
      now: () => this.now,
      sha256: nativeSha256,
      blocks: { get: async (cid) => this.blocks.get(cid) },
      logger: silentLogger,
      cores: 2,
      onHealth: (failure) => this.health.push(failure),
    });
  }

  get current(): FakeProcess {
    return this.processes.at(-1)!;
  }

  advance(ms: number): void {
    const until = this.now + ms;
    for (;;) {
      const next = this.#timers.filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.now = next.at;
      next.callback();
    }
    this.now = until;
  }

  execute(ticket: number, request: Partial<ExecutionRequest> = {}): void {
    this.executor.execute(
      ticket,
      { kernel: 'k' as Cid, unitInput: 'i' as Cid, ...request } as ExecutionRequest,
      (outcome) => this.outcomes.set(ticket, outcome),
    );
  }
}

const turn = () => new Promise((resolve) => setImmediate(resolve));
const bytes = Uint8Array.of(1, 2, 3);
const execution = { leaves: new Uint8Array(41), merkleRoot: 'ab'.repeat(32), fuel: 7, wallClockMs: 1 };

function executed(id: number, cid = cidOf(bytes, 'dag-cbor')): FromSandbox {
  const outcome = { ok: true, execution: { ...execution, output: { cid, bytes } } } as ExecutionOutcome;
  return { type: 'answer', id, answer: { type: 'outcome', outcome } };
}

describe('the executor before a sandbox process', () => {
  it('starts it with the first work, and hands work over once it is ready', () => {
    const world = new World();
    expect(world.processes).toHaveLength(0);
    world.execute(1);
    world.execute(2);
    expect(world.processes).toHaveLength(1);
    expect(world.current.workIds).toEqual([]);
    world.current.says({ type: 'ready' });
    expect(world.current.workIds).toHaveLength(2);
  });

  it('fails what was running when it ends, as a failure of the host, and goes on with another', () => {
    const world = new World();
    world.execute(1);
    world.current.says({ type: 'ready' });
    world.current.ends();
    expect(world.outcomes.get(1)).toMatchObject({ ok: false, code: 'worker-crashed' });
    expect(world.outcomes.get(1)).toMatchObject({ detail: 'the sandbox process ended: it got SIGKILL' });
    world.execute(2);
    world.advance(0);
    expect(world.processes).toHaveLength(2);
    world.current.says({ type: 'ready' });
    world.current.says(executed(world.current.workIds[0]!));
    expect(world.outcomes.get(2)).toMatchObject({ ok: true });
    expect(world.health).toEqual([]);
  });

  it('starts it ever more seldom, then says that nothing can be computed, and that it is over', async () => {
    const world = new World();
    world.execute(1);
    const startedAt: number[] = [];
    for (let round = 0; round < 3; round++) {
      startedAt.push(world.now);
      world.current.ends('it ended with exit code 9: bad option');
      // Not handed over: it waits for the next one.
      expect(world.outcomes.size).toBe(0);
      world.advance([0, 500, 2_000][round]!);
    }
    expect(startedAt).toEqual([0, 0, 500]);
    expect(world.processes).toHaveLength(4);
    world.current.ends('it ended with exit code 9: bad option');
    const failure = 'the sandbox process does not start: it ended with exit code 9: bad option';
    expect(world.outcomes.get(1)).toMatchObject({ ok: false, code: 'worker-crashed', detail: failure });
    expect(world.health).toEqual([failure]);
    world.execute(2);
    await turn();
    expect(world.outcomes.get(2)).toMatchObject({ ok: false, code: 'worker-crashed', detail: failure });
    world.advance(29_999);
    expect(world.processes).toHaveLength(4);
    world.advance(1);
    expect(world.processes).toHaveLength(5);
    world.current.says({ type: 'ready' });
    expect(world.health).toEqual([failure, undefined]);
    world.execute(3);
    expect(world.current.workIds).toHaveLength(1);
    world.advance(60_000);
    world.current.ends();
    world.advance(0);
    expect(world.processes).toHaveLength(6);
  });

  it('ends one that does not come up, and one that gives no sign of life', () => {
    const world = new World();
    world.execute(1);
    world.advance(59_999);
    expect(world.current.isKilled).toBe(false);
    world.advance(1);
    expect(world.processes[0]!.isKilled).toBe(true);
    const second = world.current;
    second.says({ type: 'ready' });
    for (let i = 0; i < 10; i++) {
      world.advance(20_000);
      second.says({ type: 'pong' });
    }
    expect(second.isKilled).toBe(false);
    world.advance(60_000);
    expect(second.isKilled).toBe(true);
    expect(world.outcomes.get(1)).toMatchObject({ ok: false, code: 'worker-crashed' });
  });

  it('leaves one alone that has nothing to do', () => {
    const world = new World();
    world.executor.warm();
    world.current.says({ type: 'ready' });
    world.advance(3_600_000);
    expect(world.current.isKilled).toBe(false);
    expect(world.processes).toHaveLength(1);
  });

  it.each<[string, unknown]>([
    ['nothing', null],
    ['an unknown message', { type: 'please' }],
    ['an answer without a number', { type: 'answer', id: 'one', answer: { type: 'output', output: bytes } }],
    [
      'fuel that is no number',
      {
        type: 'answer',
        id: 0,
        answer: { type: 'outcome', outcome: { ok: true, execution: { ...execution, fuel: 'much' } } },
      },
    ],
    ['an output under the CID of another', executed(0, cidOf(Uint8Array.of(9), 'dag-cbor'))],
  ])('ends one that says %s', (_, message) => {
    const world = new World();
    world.execute(1);
    world.current.says({ type: 'ready' });
    const told = world.current;
    told.saysAnything(message);
    expect(told.isKilled).toBe(true);
    expect(world.outcomes.get(1)).toMatchObject({ ok: false, code: 'worker-crashed' });
  });

  it('gives blocks that running work names, and no others', async () => {
    const world = new World();
    for (const name of ['k', 'i', 'secret']) world.blocks.set(name as Cid, new TextEncoder().encode(name));
    world.execute(1);
    world.current.says({ type: 'ready' });
    const given = async (id: number, cid: string): Promise<Uint8Array | undefined> => {
      world.current.says({ type: 'wish', id, wish: { type: 'block', cid: cid as Cid } });
      await turn();
      const block = world.current.posted.find((message) => message.type === 'granted' && message.id === id);
      return block?.type === 'granted' ? block.bytes : undefined;
    };
    expect(await given(1, 'k')).toEqual(world.blocks.get('k' as Cid));
    expect(await given(2, 'i')).toEqual(world.blocks.get('i' as Cid));
    expect(await given(3, 'secret')).toBeUndefined();
    world.current.says(executed(world.current.workIds[0]!));
    expect(await given(4, 'k')).toBeUndefined();
  });

  it('cancels what waits by itself, and what runs by asking', async () => {
    const world = new World();
    world.execute(1);
    world.executor.cancel(1);
    expect(world.outcomes.size).toBe(0);
    await turn();
    expect(world.outcomes.get(1)).toMatchObject({ ok: false, code: 'cancelled' });
    world.current.says({ type: 'ready' });
    expect(world.current.workIds).toEqual([]);
    world.execute(2);
    world.executor.cancel(2);
    expect(world.current.posted.at(-1)).toEqual({ type: 'cancel', id: world.current.workIds[0], keep: false });
  });
});
