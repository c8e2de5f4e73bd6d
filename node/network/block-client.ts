/**
 * Fetches blocks by CID from whoever has them. Each block is pulled in ranges from one provider at a time: hinted
 * ones first, in their order while they are not busy. A provider that goes away or stalls loses the rest of the block to
 * the next one; a block whose bytes do not hash to its CID costs its provider the block. Blocks are pulled side by
 * side, and a block that several jobs want is pulled once.
 */
import { equalBytes, fromHex } from '../protocol/bytes.ts';
import type { Cid, PeerKey } from '../protocol/ids.ts';
import { digestOf } from '../protocol/wire/block.ts';
import type { BlockStore, FetchOutcome, FetchRequest } from '../runtime/environment.ts';
import type { Logger } from '../runtime/log.ts';
import type { RangeAnswer } from './block-wire.ts';
import { messageOf } from './error.ts';
import type { Sha256 } from './gossip.ts';
import { BUSY_BYTES, DOWNLOADS_MAX, PROVIDERS_PER_BLOCK_MAX, RANGE_BYTES } from './limits.ts';
import { Semaphore } from './turns.ts';

/** The asking end at one peer; `BlockChannel` is one. */
export interface RangeSource {
  readonly load: number;
  /** It let a request idle a short while ago: asked after all others. */
  readonly stalled: boolean;
  request(cid: Cid, offset: number, length: number): Promise<RangeAnswer>;
}

export interface BlockClientHooks {
  readonly blocks: BlockStore;
  readonly sha256: Sha256;
  readonly logger: Logger;
  /** Connected peers, in no particular order. */
  peers(): readonly PeerKey[];
  /** Undefined if the peer is not connected. */
  channel(peer: PeerKey): RangeSource | undefined;
}

interface Budget {
  bytesLeft: number;
}

interface Download {
  readonly result: Promise<Uint8Array | undefined>;
  readonly providers: PeerKey[];
  readonly budgets: Set<Budget>;
  readonly asked: Set<PeerKey>;
}

/** What one provider has contributed to a block so far. `bytes` is undefined until somebody has said how long it is. */
interface Partial {
  bytes: Uint8Array | undefined;
  received: number;
  readonly contributors: Set<PeerKey>;
}

type Pulled = 'complete' | 'not-found' | 'broken' | 'too-large';

export class BlockClient {
  readonly #hooks: BlockClientHooks;
  readonly #downloads = new Map<Cid, Download>();
  readonly #slots = new Semaphore(DOWNLOADS_MAX);

  constructor(hooks: BlockClientHooks) {
    this.#hooks = hooks;
  }

  async fetch(request: FetchRequest): Promise<FetchOutcome> {
    const budget: Budget = { bytesLeft: request.bytesMax };
    const asked = new Set<PeerKey>();
    const kept = await Promise.all(request.cids.map((cid) => this.#fetchOne(cid, request, budget, asked)));
    const missing = request.cids.filter((_, i) => !kept[i]);
    return missing.length === 0 ? { ok: true } : { ok: false, missing, asked: [...asked] };
  }

  async #fetchOne(cid: Cid, request: FetchRequest, budget: Budget, asked: Set<PeerKey>): Promise<boolean> {
    const { blocks, logger } = this.#hooks;
    try {
      if (await blocks.has(cid)) {
        // Putting it again pins it for this job, so that it is still here when the job needs it.
        const bytes = await blocks.get(cid);
        if (bytes !== undefined) {
          await blocks.put(cid, bytes, request.job);
          return true;
        }
      }
      const download = this.#join(cid, request.providers, budget);
      const bytes = await download.result;
      if (bytes === undefined) {
        for (const peer of download.asked) asked.add(peer);
        return false;
      }
      budget.bytesLeft -= bytes.length;
      if (budget.bytesLeft < 0) return false;
      await blocks.put(cid, bytes, request.job);
      return true;
    } catch (error) {
      logger.log('error', 'a block could not be fetched', { cid, error: messageOf(error) });
      return false;
    }
  }

  #join(cid: Cid, providers: readonly PeerKey[], budget: Budget): Download {
    const running = this.#downloads.get(cid);
    if (running !== undefined) {
      running.providers.push(...providers);
      running.budgets.add(budget);
      return running;
    }
    const parts = { providers: [...providers], budgets: new Set([budget]), asked: new Set<PeerKey>() };
    const result = this.#slots.run(() => this.#download(cid, parts));
    const download: Download = { ...parts, result };
    this.#downloads.set(cid, download);
    const forget = () => this.#downloads.delete(cid);
    result.then(forget, forget);
    return download;
  }

  async #download(cid: Cid, download: Omit<Download, 'result'>): Promise<Uint8Array | undefined> {
    const digest = fromHex(digestOf(cid));
    /** Took part in bytes that did not hash; each of them may be honest, so each is tried once more, alone. */
    const suspects: PeerKey[] = [];
    const cleared = new Set<PeerKey>();
    let partial = emptyPartial();
    while (download.asked.size < PROVIDERS_PER_BLOCK_MAX) {
      let peer = this.#nextProvider(download);
      if (peer === undefined) {
        peer = suspects.shift();
        if (peer === undefined) return undefined;
        cleared.add(peer);
        partial = emptyPartial();
      }
      const pulled = await this.#pull(cid, peer, partial, download);
      if (pulled !== 'complete') {
        this.#hooks.logger.log('debug', 'a provider did not give a block', { cid, peer, pulled });
        continue;
      }
      const bytes = partial.bytes!;
      if (equalBytes(await this.#hooks.sha256(bytes), digest)) return bytes;
      this.#hooks.logger.log('warn', 'a block has other bytes than its name says', { cid, peer });
      if (partial.contributors.size > 1) {
        for (const suspect of partial.contributors) if (!cleared.has(suspect)) suspects.push(suspect);
      }
      partial = emptyPartial();
    }
    return undefined;
  }

  /**
   * Stalled ones last, hinted providers before others, those with much to do for us after the rest, and else in the
   * order of the hints: who asks further down that list loses a round trip for each that has nothing.
   */
  #nextProvider({ providers, asked }: Omit<Download, 'result'>): PeerKey | undefined {
    const others = this.#hooks.peers();
    let best: { readonly peer: PeerKey; readonly order: readonly number[] } | undefined;
    for (const [group, peers] of [providers, others].entries()) {
      for (const [place, peer] of peers.entries()) {
        const source = asked.has(peer) ? undefined : this.#hooks.channel(peer);
        if (source === undefined) continue;
        const order = [source.stalled ? 1 : 0, group, Math.floor(source.load / BUSY_BYTES), place];
        if (best === undefined || isBefore(order, best.order)) best = { peer, order };
      }
    }
    if (best !== undefined) asked.add(best.peer);
    return best?.peer;
  }

  /** Asks one provider for what `partial` lacks. Bytes received before a failure stay in it. */
  async #pull(cid: Cid, peer: PeerKey, partial: Partial, { budgets }: Omit<Download, 'result'>): Promise<Pulled> {
    const channel = this.#hooks.channel(peer);
    if (channel === undefined) return 'broken';
    try {
      const first = await channel.request(cid, partial.received, RANGE_BYTES);
      if (!first.found) return 'not-found';
      if (first.total > Math.max(...[...budgets].map(({ bytesLeft }) => bytesLeft))) return 'too-large';
      if (partial.bytes?.length !== first.total) {
        // Two providers disagree about the length: start over with this one's word.
        const startsOver = partial.received > 0;
        partial.bytes = new Uint8Array(first.total);
        partial.received = 0;
        partial.contributors.clear();
        if (startsOver) return await this.#pull(cid, peer, partial, { budgets } as Omit<Download, 'result'>);
      }
      receive(partial, peer, first.bytes);
      const rest = rangesFrom(partial.received, first.total).map(({ offset, length }) =>
        channel.request(cid, offset, length),
      );
      // A failure of one is a failure of all; nobody else looks at the later ones.
      for (const answer of rest) answer.catch(() => undefined);
      for (const answer of rest) {
        const range = await answer;
        if (!range.found || range.total !== first.total) return 'broken';
        receive(partial, peer, range.bytes);
      }
      return 'complete';
    } catch (error) {
      this.#hooks.logger.log('debug', 'a provider broke off', { cid, peer, error: messageOf(error) });
      return 'broken';
    }
  }
}

function emptyPartial(): Partial {
  return { bytes: undefined, received: 0, contributors: new Set() };
}

function isBefore(a: readonly number[], b: readonly number[]): boolean {
  for (const [i, value] of a.entries()) if (value !== b[i]) return value < b[i]!;
  return false;
}

function receive(partial: Partial, peer: PeerKey, bytes: Uint8Array): void {
  partial.bytes!.set(bytes, partial.received);
  partial.received += bytes.length;
  partial.contributors.add(peer);
}

function rangesFrom(start: number, total: number): readonly { readonly offset: number; readonly length: number }[] {
  const ranges = [];
  for (let offset = start; offset < total; offset += RANGE_BYTES) {
    ranges.push({ offset, length: Math.min(RANGE_BYTES, total - offset) });
  }
  return ranges;
}
