/**
 * The seam between the rules and the world. A state machine takes one event and the time, changes its own state,
 * and returns what should happen: no promise, no callback, no clock. A test asserts on the returned array; the
 * simulator and the daemon run the very same object.
 */
import type { Effect } from './effect.ts';
import type { Event } from './event.ts';
import type { JobId, Millis, PeerKey } from './ids.ts';
import type { JobView, PeerView } from './view.ts';

export interface PeerStateMachine {
  readonly self: PeerKey;
  handle(event: Event, now: Millis): readonly Effect[];
  /** When `woke` is wanted next, or undefined. Asked after every `handle`; one timer is armed for it. */
  nextDeadline(): Millis | undefined;
  view(now: Millis): PeerView;
  jobView(job: JobId, now: Millis): JobView | undefined;
}
