/**
 * Words for every reason why a peer idles or a job waits. The protocol gives codes with facts; here they become one
 * line that says what is the case and, where the owner can do something, what. A new reason without words is a
 * compile error.
 */

import type { PauseReason } from '../protocol/event.ts';
import type { Millis, PeerKey } from '../protocol/ids.ts';
import type { Reason } from '../protocol/view.ts';

export interface Explanation {
  readonly text: string;
  /** What its owner can do about it. */
  readonly advice: string | undefined;
}

export interface Wording {
  /** Short name of a peer, e.g. the tail of its libp2p id. */
  readonly peer: (key: PeerKey) => string;
  readonly nowMs: Millis;
}

export function explain(reason: Reason, wording: Wording): Explanation {
  switch (reason.code) {
    case 'no-peers':
      return say('no other peer is connected', 'give the address of a peer of your network with --bootstrap');
    case 'dial-failed':
      return explainDial(reason);
    case 'no-job':
      return say('no job is known that this peer could work on', undefined);
    case 'computes-nothing':
      return say('this peer gives 0 cores and computes nothing', 'restart it with --cores 1 or more');
    case 'not-rostered':
      return say(
        `this peer is not in the roster of job ${short(reason.job)} yet`,
        'its submitter adds peers it can see; wait, or connect to the submitter',
      );
    case 'rank-not-open':
      return say(
        `the units of job ${short(reason.job)} stay closed to this peer's rank ${until(reason.untilMs, wording)}`,
        undefined,
      );
    case 'claimed-by-others': {
      const end = reason.untilMs === undefined ? '' : `, ${until(reason.untilMs, wording)} unless renewed`;
      return say(`all open units of job ${short(reason.job)} are claimed by other peers${end}`, undefined);
    }
    case 'waiting-for-quorum': {
      const others = reason.units > 1 ? ` and ${reason.units - 1} more` : '';
      return say(
        `job ${short(reason.job)}: unit ${reason.unit}${others} waiting for quorum, ${reason.have} of ${reason.need} results in`,
        'more peers that compute are needed; other peers may still be working on it',
      );
    }
    case 'held':
      return say(
        `job ${short(reason.job)}: unit ${reason.unit} is computed and held before it is revealed, ${until(reason.untilMs, wording)}`,
        undefined,
      );
    case 'disputed': {
      const others = reason.units > 1 ? ` (${reason.units} units in all)` : '';
      return say(
        `job ${short(reason.job)}: peers disagree about unit ${reason.unit}${others}; ${DISPUTE[reason.wants]}`,
        undefined,
      );
    }
    case 'inputs-unavailable':
      return say(
        `job ${short(reason.job)}: ${count(reason.missing, 'block')} could not be fetched; asked ${
          reason.asked.length === 0
            ? 'nobody, no peer that has them is connected'
            : reason.asked.map(wording.peer).join(', ')
        }`,
        'the submitter or a peer that has worked on the job must be reachable',
      );
    case 'paused':
      return say(`paused ${reason.reasons.map((pause) => PAUSE[pause]).join(' and ')}`, undefined);
    case 'job-paused':
      return say(`job ${short(reason.job)} was paused by its submitter`, undefined);
    case 'storage':
      return say(
        `this peer cannot write to its data folder: ${reason.detail}`,
        'free some space or raise --block-quota; it goes on by itself then',
      );
    case 'sandbox':
      return say(
        `this peer cannot compute: ${reason.detail}`,
        'it is tried again by itself; the log says more, and "npm run build" puts missing files back',
      );
    case 'roster-below-quorum':
      return say(
        `job ${short(reason.job)}: only ${count(reason.roster, 'peer')} may work on it, but each result needs ${reason.quorum} that agree`,
        'start more peers, or submit again with a smaller --quorum',
      );
    case 'alone':
      return say(
        `no other peer is in reach for job ${short(reason.job)}: computing on this machine's own cores, labelled "own"`,
        'start or connect peers and they will help with what is left',
      );
    case 'poison-unit':
      return say(
        `job ${short(reason.job)}: unit ${reason.unit} fails wherever it runs: ${reason.how}`,
        'check the kernel with its vectors, its limits and this input',
      );
    case 'unrevealed-full':
      return say(
        `${reason.commits} results of this peer wait for a second opinion; it starts no more until somebody answers`,
        'more peers that compute are needed',
      );
    case 'working':
      return say(`working on ${count(reason.units, 'unit')}`, undefined);
    default:
      return unreachable(reason);
  }
}

const DISPUTE = {
  opening: 'waiting for a peer to open its result task by task',
  're-execution': 'one task is being computed again to find out who is wrong',
  replica: 'waiting for another peer to compute it',
} as const;

const PAUSE: Readonly<Record<PauseReason, string>> = {
  manual: 'by its owner',
  battery: 'to save the battery',
  metered: 'on a metered connection',
  hours: 'outside the hours it may work',
  load: 'because the machine is busy with other things',
  hidden: 'while the page is hidden',
};

function explainDial(reason: Extract<Reason, { code: 'dial-failed' }>): Explanation {
  const { address, failure, detail } = reason;
  switch (failure) {
    case 'swarm-key-suspected':
      return say(
        `${address} closed the connection before saying who it is: its swarm key differs from this peer's, or one of the two has none (${detail})`,
        'start both with the same --swarm-key file, or both without one',
      );
    case 'unreachable':
      return say(`${address} cannot be reached (${detail})`, 'check that this peer runs and that the address is right');
    case 'refused':
      return say(
        `${address} refused the connection (${detail})`,
        'check that a peer runs there and listens on this port',
      );
    case 'timeout':
      return say(
        `${address} did not answer in time (${detail})`,
        'check address, firewall, and that both use the same swarm key',
      );
    case 'wrong-peer':
      return say(
        `${address} is a different peer than the address says (${detail})`,
        'its identity has changed: ask its owner for the new address',
      );
    case 'full':
      return say(
        `${address} is full (${detail})`,
        'join through another peer of this network, or wait: it is tried again by itself',
      );
    case 'failed':
      return say(`${address} could not be dialled (${detail})`, 'check the address');
    default:
      return unreachable(failure);
  }
}

function say(text: string, advice: string | undefined): Explanation {
  return { text, advice };
}

function until(untilMs: Millis, { nowMs }: Wording): string {
  const seconds = Math.max(0, untilMs - nowMs) / 1_000;
  return seconds < 10 ? `for ${seconds.toFixed(1)} s` : `for ${Math.round(seconds)} s`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

function short(id: string): string {
  return id.slice(0, 10);
}

function unreachable(value: never): never {
  throw new Error(`no words for ${JSON.stringify(value)}`);
}
