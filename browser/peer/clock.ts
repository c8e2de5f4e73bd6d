/**
 * The tab's clock: the wall clock as it stood at start, carried on by the monotonic one. Timers run in a worker of
 * their own, because a hidden page's are throttled; turns are made by a message channel, which never is.
 */
import type { Millis } from '../../node/protocol/ids.ts';
import type { Clock } from '../../node/runtime/environment.ts';
import type { TimerRequest } from './timer-worker.ts';

export interface TabClock extends Clock {
  /** From now on turns are taken within the task that asks for them: a page that is ending gets no further one. */
  hurry(): void;
  /** Nothing is called any more. */
  close(): void;
}

/** The timer worker, as far as the clock uses it. */
export interface TimerWorker {
  onmessage: ((message: MessageEvent<number>) => void) | null;
  postMessage(request: TimerRequest): void;
  terminate(): void;
}

/** Longest delay a timer takes; a later deadline is armed again when this one fires. */
const TIMEOUT_MAX_MS = 2 ** 31 - 1;

export function startTimerWorker(): TimerWorker {
  return new Worker(new URL('./timer-worker.ts', import.meta.url), { type: 'module', name: 'shoal-timers' });
}

export function createClock(timers: TimerWorker): TabClock {
  const startedAt = Date.now() - performance.now();
  // Whole milliseconds: times go into signed statements, which know no fractions.
  const now = (): Millis => Math.floor(startedAt + performance.now());
  const due = new Map<number, () => void>();
  let ids = 0;
  timers.onmessage = ({ data: id }) => {
    const call = due.get(id);
    due.delete(id);
    call?.();
  };

  const channel = new MessageChannel();
  let turns: (() => void)[] = [];
  let hurried = false;
  const takeTurns = (): void => {
    const calls = turns;
    turns = [];
    for (const call of calls) call();
  };
  channel.port1.onmessage = takeTurns;

  return {
    now,
    schedule(at, callback) {
      const id = ++ids;
      const arm = (): void => {
        const left = Math.max(0, Math.ceil(at - now()));
        due.set(id, left > TIMEOUT_MAX_MS ? arm : callback);
        timers.postMessage({ id, afterMs: Math.min(left, TIMEOUT_MAX_MS) });
      };
      arm();
      return () => {
        if (due.delete(id)) timers.postMessage({ id, afterMs: undefined });
      };
    },
    defer(callback) {
      if (turns.push(callback) > 1) return;
      if (hurried) queueMicrotask(takeTurns);
      else channel.port2.postMessage(undefined);
    },
    hurry() {
      hurried = true;
      queueMicrotask(takeTurns);
    },
    close() {
      due.clear();
      turns = [];
      channel.port1.close();
      timers.terminate();
    },
  };
}

/** Calls back again and again, with this pause from one call to the next. Returns what ends it. */
export function repeat(
  clock: Pick<TabClock, 'now' | 'schedule'>,
  intervalMs: Millis,
  callback: () => void,
): () => void {
  let cancel: () => void;
  const arm = (): void => {
    cancel = clock.schedule(clock.now() + intervalMs, () => {
      arm();
      callback();
    });
  };
  arm();
  return () => cancel();
}
