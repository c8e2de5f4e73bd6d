/**
 * Fetches blocks by CID from whoever has them. Each block is pulled in ranges from one provider at a time: hinted
 * ones first, in their order while they are not busy. A provider that goes away loses the rest of the block to the next
 * one; beside one that is late (`patience.ts`) the next is asked, and who has all of it first has given it. A block whose
 * bytes do not hash to its CID costs its provider the block. Blocks are pulled side by side, and a block that several
 * jobs want is pulled once.
 */
import { equalBytes, fromHex } from '../protocol/bytes.ts';
import type { Cid, PeerKey } from '../protocol/ids.ts';
import { digestOf } from '../protocol/wire/block.ts';
import type { BlockStore, FetchOutcome, FetchRequest } from '../runtime/environment.ts';
import type { Logger } from '../runtime/log.ts';
import type { RangeAnswer } from './block-wire.ts';
import { messageOf } from './error.ts';
import type { Sha256 } from './gossip.ts';
import { ASKED_AT_ONCE_MAX, BUSY_BYTES, DOWNLOADS_MAX, PROVIDERS_PER_BLOCK_MAX, RANGE_BYTES } from './limits.ts';
import { type Candidate, compareCandidates } from './patience.ts';
import { type Deferred, deferred, Semaphore } from './turns.ts';

/** The asking end at one peer; `BlockChannel` is one. */
export interface RangeSource {
  readonly load: number;
  /** It takes longer to answer than it should, or was given up a short while ago. */
  readonly isLate: boolean;
  /** `late` is called when the peer becomes late with this. The answer is still waited for. */
  request(cid: Cid, offset: number, length: number, late: () => void): Promise<RangeAnswer>;
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
  readonly cid: Cid;
  readonly providers: PeerKey[];
  readonly budgets: Set<Budget>;
  readonly asked: Set<PeerKey>;
  /** Took part in bytes that did not hash; each of them may be honest, so each is tried once more, alone. */
  readonly suspects: PeerKey[];
  readonly cleared: Set<PeerKey>;
  /** Resolved when there is something to see to: an attempt is late or over, or there are further hints. */
  changed: Deferred<void>;
  isDone: boolean;
}

/** One provider that is asked for a block, until it has given it or has failed. */
interface Attempt {
  readonly peer: PeerKey;
  readonly partial: Partial;
  pulled: Pulled | undefined;
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
  readonly #downloads = new Map<
    Cid,
    { readonly download: Download; readonly result: Promise<Uint8Array | undefined> }
  >();
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
      const { download, result } = this.#join(cid, request.providers, budget);
      const bytes = await result;
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

  #join(cid: Cid, providers: readonly PeerKey[], budget: Budget) {
    const running = this.#downloads.get(cid);
    if (running !== undefined) {
      running.download.providers.push(...providers);
      running.download.budgets.add(budget);
      running.download.changed.resolve();
      return running;
    }
    const download: Download = {
      ...{ cid, providers: [...providers], budgets: new Set([budget]), asked: new Set(), isDone: false },
      ...{ suspects: [], cleared: new Set(), changed: deferred() },
    };
    const started = { download, result: this.#slots.run(() => this.#download(download)) };
    this.#downloads.set(cid, started);
    const forget = () => this.#downloads.delete(cid);
    started.result.then(forget, forget);
    return started;
  }

  async #download(download: Download): Promise<Uint8Array | undefined> {
    /** Asked and not done with: more than one where those before are late. */
    const attempts = new Set<Attempt>();
    /** What the last one that failed has left. */
    let left = emptyPartial();
    try {
      for (;;) {
        const over = [...attempts].find(({ pulled }) => pulled !== undefined);
        if (over !== undefined) {
          attempts.delete(over);
          if (over.pulled === 'complete') {
            if (await this.#isRight(over, download)) return over.partial.bytes;
          } else {
            this.#logFailure(over, download);
            if (over.partial.received > left.received) left = over.partial;
          }
          continue;
        }
        if (attempts.size < ASKED_AT_ONCE_MAX && [...attempts].every(({ peer }) => this.#isLate(peer))) {
          const next = this.#begin(download, left);
          if (next !== undefined) {
            attempts.add(next);
            left = emptyPartial();
            continue;
          }
          if (attempts.size === 0) return undefined;
        }
        download.changed = deferred();
        await download.changed.promise;
      }
    } finally {
      download.isDone = true;
    }
  }

  #begin(download: Download, left: Partial): Attempt | undefined {
    const { asked, suspects, cleared } = download;
    if (asked.size >= PROVIDERS_PER_BLOCK_MAX) return undefined;
    let peer = this.#nextProvider(download);
    let partial = left;
    if (peer === undefined) {
      peer = suspects.shift();
      if (peer === undefined) return undefined;
      cleared.add(peer);
      partial = emptyPartial();
    }
    const attempt: Attempt = { peer, partial, pulled: undefined };
    void this.#pull(attempt, download).then((pulled) => {
      attempt.pulled = pulled;
      download.changed.resolve();
    });
    return attempt;
  }

  /** One that has gone is as good as late until its attempt has ended. */
  #isLate(peer: PeerKey): boolean {
    return this.#hooks.channel(peer)?.isLate ?? true;
  }

  async #isRight({ peer, partial }: Attempt, { cid, suspects, cleared }: Download): Promise<boolean> {
    if (equalBytes(await this.#hooks.sha256(partial.bytes!), fromHex(digestOf(cid)))) return true;
    this.#hooks.logger.log('warn', 'a block has other bytes than its name says', { cid, peer });
    if (partial.contributors.size > 1) {
      for (const suspect of partial.contributors) if (!cleared.has(suspect)) suspects.push(suspect);
    }
    return false;
  }

  #logFailure({ peer, pulled }: Attempt, { cid }: Download): void {
    this.#hooks.logger.log('debug', 'a provider did not give a block', { cid, peer, pulled });
  }

  /** Who asks further down the list loses a round trip for each that has nothing. */
  #nextProvider({ providers, asked }: Download): PeerKey | undefined {
    const others = this.#hooks.peers();
    let best: { readonly peer: PeerKey; readonly candidate: Candidate } | undefined;
    for (const peers of [providers, others]) {
      for (const [place, peer] of peers.entries()) {
        const source = asked.has(peer) ? undefined : this.#hooks.channel(peer);
        if (source === undefined) continue;
        const load = Math.floor(source.load / BUSY_BYTES);
        const candidate = { isHinted: peers === providers, isLate: source.isLate, load, place };
        if (best === undefined || compareCandidates(candidate, best.candidate) < 0) best = { peer, candidate };
      }
    }
    if (best !== undefined) asked.add(best.peer);
    return best?.peer;
  }

  /** Asks one provider for what the block lacks. Bytes received before a failure stay in `partial`. */
  async #pull(attempt: Attempt, download: Download): Promise<Pulled> {
    const { peer, partial } = attempt;
    const { cid, budgets } = download;
    const late = () => download.changed.resolve();
    const channel = this.#hooks.channel(peer);
    if (channel === undefined) return 'broken';
    try {
      const first = await channel.request(cid, partial.received, RANGE_BYTES, late);
      // Somebody else was asked beside it, and was faster.
      if (download.isDone) return 'broken';
      if (!first.found) return 'not-found';
      if (first.total > Math.max(...[...budgets].map(({ bytesLeft }) => bytesLeft))) return 'too-large';
      if (partial.bytes?.length !== first.total) {
        // Two providers disagree about the length: start over with this one's word.
        const startsOver = partial.received > 0;
        partial.bytes = new Uint8Array(first.total);
        partial.received = 0;
        partial.contributors.clear();
        if (startsOver) return await this.#pull(attempt, download);
      }
      receive(partial, peer, first.bytes);
      const rest = rangesFrom(partial.received, first.total).map(({ offset, length }) =>
        channel.request(cid, offset, length, late),
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
