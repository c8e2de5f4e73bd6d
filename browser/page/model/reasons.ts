/**
 * Reasons in the words of whoever reads them. `explain` speaks to the owner of a daemon, at a command line; who has a
 * tab open has buttons instead. What is the same for both is said once, there.
 */
import type { PauseReason } from '../../../node/protocol/event.ts';
import type { Reason } from '../../../node/protocol/view.ts';
import { type Explanation, explain, type Wording } from '../../../node/runtime/why.ts';
import type { PeerSource } from '../peer-source.ts';

export function reasonWords(kind: PeerSource['kind'], reason: Reason, wording: Wording): Explanation {
  const general = explain(reason, wording);
  if (kind === 'daemon') return general;
  switch (reason.code) {
    case 'no-peers':
      return {
        text: 'no other peer is connected',
        advice: 'this page keeps trying; the peer that invited you may be switched off',
      };
    case 'computes-nothing':
      return { text: 'this tab gives no cores and computes nothing', advice: 'give it some under “This peer”' };
    case 'no-job':
      return {
        text: 'no job is waiting for this tab',
        advice: 'it begins by itself as soon as somebody submits one',
      };
    case 'not-rostered':
      return {
        text: `job ${reason.job.slice(0, 10)} has not let this tab in yet`,
        advice: 'its submitter lets in peers it can see, which takes some seconds',
      };
    case 'paused':
      return {
        text: `paused ${reason.reasons.map((pause) => PAUSES[pause].because).join(' and ')}`,
        advice: reason.reasons.map((pause) => PAUSES[pause].until).join('; '),
      };
    case 'storage':
      return {
        text: `the browser keeps no more for this page: ${reason.detail}`,
        advice: 'free some disk space; it goes on by itself then',
      };
    case 'roster-below-quorum':
      return { text: general.text, advice: 'more volunteers are needed: invite some' };
    case 'alone':
      return { text: general.text, advice: 'invite others, and they will help with what is left' };
    case 'dial-failed':
      return dialWords(reason);
    default:
      return general;
  }
}

const PAUSES: Readonly<Record<PauseReason, { readonly because: string; readonly until: string }>> = {
  manual: { because: 'by you', until: 'press “Resume” to go on' },
  battery: { because: 'to save the battery', until: 'it goes on by itself at a charger' },
  metered: { because: 'on a metered connection', until: 'it goes on by itself on another one' },
  hidden: { because: 'while this tab is hidden', until: 'it goes on when you come back' },
  hours: { because: 'outside the hours it may work', until: 'it goes on by itself' },
  load: {
    because: 'because this machine has more to do than it can',
    until: 'it goes on by itself when pages come in time again',
  },
};

/** A browser does not tell a page why a connection failed, so all likely causes are named. */
function dialWords(reason: Extract<Reason, { code: 'dial-failed' }>): Explanation {
  const { address, failure } = reason;
  if (failure === 'full') {
    return {
      text: `${address} is full: it takes no more peers`,
      advice: 'this page tries again; another invitation may work now',
    };
  }
  if (failure === 'wrong-peer') {
    return { text: `${address} is another peer than the invitation says`, advice: 'ask for a new invitation' };
  }
  const isHere = /^\/(ip4\/127\.|ip6\/::1\/|dns[46]?\/localhost\/)/.test(address);
  if (failure === 'swarm-key-suspected' || failure === 'refused') {
    return {
      text: `${address} closed the connection at once`,
      advice: 'it may be full, or belong to a private network that tabs cannot join: try again later, or ask its owner',
    };
  }
  return {
    text: `${address} ${failure === 'timeout' ? 'did not answer in time' : 'cannot be reached'}`,
    advice: isHere
      ? 'this address works only on the machine where that peer runs: start it there, or ask for another invitation'
      : 'it may be switched off or full, or a firewall is in between: try again later, or ask for another invitation',
  };
}
