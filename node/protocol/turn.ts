/**
 * One call of `handle`: the time it happens at and the effects it has led to so far. Handed down to whoever takes
 * part in deciding, so that no part keeps a list or reads a clock of its own.
 */
import type { Effect } from './effect.ts';
import type { Millis } from './ids.ts';
import type { Notification } from './notification.ts';

export class Turn {
  readonly now: Millis;
  readonly effects: Effect[] = [];

  constructor(now: Millis) {
    this.now = now;
  }

  emit(effect: Effect): void {
    this.effects.push(effect);
  }

  notify(notification: Notification): void {
    this.effects.push({ type: 'notify', notification });
  }
}
