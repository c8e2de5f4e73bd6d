/**
 * Timers for a hidden page. Browsers let a hidden page's own timers fire once a second, later once a minute, which is
 * longer than a lease; those of a worker keep their time.
 */
export interface TimerRequest {
  readonly id: number;
  /** `undefined` cancels. */
  readonly afterMs: number | undefined;
}

/** `DedicatedWorkerGlobalScope`, as far as it is used; the DOM library types `self` as a window. */
interface Scope {
  onmessage: ((message: MessageEvent<TimerRequest>) => void) | null;
  postMessage(id: number): void;
}

const scope = globalThis as unknown as Scope;
const timers = new Map<number, ReturnType<typeof setTimeout>>();

scope.onmessage = ({ data: { id, afterMs } }) => {
  clearTimeout(timers.get(id));
  timers.delete(id);
  if (afterMs === undefined) return;
  timers.set(
    id,
    setTimeout(() => {
      timers.delete(id);
      scope.postMessage(id);
    }, afterMs),
  );
};
