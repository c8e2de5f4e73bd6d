/** Whether a page has anything new to show: drawing it all again each second costs an idle tab more than its peer does. */
import type { PeerView } from '../../../node/protocol/view.ts';
import { isActive } from './jobs.ts';

/** What moves all the time and nobody waits for. */
const MOVING: ReadonlySet<string> = new Set(['nowMs', 'roundTripMs', 'holdMs']);

/** Nothing is at work, where time itself is shown, and nothing is different but times. */
export function isStill(before: PeerView, after: PeerView): boolean {
  if (after.replicas.length > 0 || after.jobs.some(isActive)) return false;
  return withoutTimes(before) === withoutTimes(after);
}

function withoutTimes(view: PeerView): string {
  return JSON.stringify(view, (name, value: unknown) => (MOVING.has(name) ? undefined : value));
}
