/** Notifications as lines for the curious. */
import type { PeerKey } from '../../../node/protocol/ids.ts';
import type { Notification } from '../../../node/protocol/notification.ts';
import { shortId } from './words.ts';

export interface LogLine {
  readonly id: number;
  readonly atMs: number;
  readonly tone: 'plain' | 'good' | 'bad';
  readonly text: string;
}

export const LOG_LINES_MAX = 300;

/** Undefined for what happens all the time and tells nobody anything. */
export function lineOf(
  notification: Notification,
  peer: (key: PeerKey) => string,
): Pick<LogLine, 'tone' | 'text'> | undefined {
  switch (notification.type) {
    case 'job-accepted':
      return plain(`job ${shortId(notification.job)} is announced`);
    case 'job-refused':
      return bad(`a job was refused: ${notification.detail}`);
    case 'job-known':
      return plain(
        `${peer(notification.submitter)} asks for “${notification.title}” (job ${shortId(notification.job)})`,
      );
    case 'unit-result': {
      const { label, job, unit } = notification;
      const how = label.kind === 'own' ? 'computed here alone' : `${label.counted} peers agree`;
      return good(`job ${shortId(job)}: unit ${unit} has its result, ${how}`);
    }
    case 'job-finished':
      return good(`job ${shortId(notification.job)} is finished`);
    case 'job-cancelled':
      return plain(`job ${shortId(notification.job)} is cancelled`);
    case 'verdict': {
      const { job, unit, verdict } = notification;
      if (verdict === 'pending') return undefined;
      const text = `job ${shortId(job)}: unit ${unit} is ${verdict}`;
      return verdict === 'agreed' ? plain(text) : bad(text);
    }
    case 'replica': {
      const { job, unit, phase } = notification;
      return phase === 'executing' ? plain(`computing unit ${unit} of job ${shortId(job)}`) : undefined;
    }
    case 'refuted': {
      const { author, job, unit } = notification;
      return bad(
        `job ${shortId(job)}: ${peer(author)} gave a wrong result for unit ${unit}; nothing of it counts any more`,
      );
    }
    case 'equivocated':
      return bad(
        `job ${shortId(notification.job)}: ${peer(notification.author)} signed two different results for unit ${notification.unit}`,
      );
    case 'statement-refused': {
      const { source, code } = notification;
      return bad(`a statement${source === undefined ? '' : ` from ${peer(source)}`} was refused: ${code}`);
    }
    case 'unit-failed-here':
      return bad(`job ${shortId(notification.job)}: unit ${notification.unit} failed here: ${notification.detail}`);
    case 'took-over':
      return plain(
        `job ${shortId(notification.job)}: took over unit ${notification.unit} from ${peer(notification.from)}`,
      );
    default:
      return unreachable(notification);
  }
}

function plain(text: string): Pick<LogLine, 'tone' | 'text'> {
  return { tone: 'plain', text };
}

function good(text: string): Pick<LogLine, 'tone' | 'text'> {
  return { tone: 'good', text };
}

function bad(text: string): Pick<LogLine, 'tone' | 'text'> {
  return { tone: 'bad', text };
}

function unreachable(value: never): never {
  throw new Error(`no words for ${JSON.stringify(value)}`);
}
