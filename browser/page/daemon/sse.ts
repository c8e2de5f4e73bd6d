/** Server-sent events out of chunks of text, cut anywhere. What EventSource does, for a stream that needs a header. */
export interface ServerSentEvent {
  readonly event: string;
  readonly data: string;
}

/** Text of one event that has not ended yet. A view of a peer stays far below. */
const PENDING_MAX = 32 * 1024 * 1024;

export class SseParser {
  #pending = '';

  /** The events that `text` completes. Throws an Error when one never ends. */
  push(text: string): readonly ServerSentEvent[] {
    this.#pending += text;
    const blocks = this.#pending.split('\n\n');
    this.#pending = blocks.pop() ?? '';
    if (this.#pending.length > PENDING_MAX) throw new Error('an event of the stream is too large');
    return blocks.flatMap((block) => parse(block));
  }
}

function parse(block: string): readonly ServerSentEvent[] {
  let event = 'message';
  const data: string[] = [];
  for (const line of block.split('\n')) {
    if (line.startsWith('event:')) event = line.slice(6).trim();
    else if (line.startsWith('data:')) data.push(line.slice(5).replace(/^ /, ''));
  }
  return data.length === 0 ? [] : [{ event, data: data.join('\n') }];
}
