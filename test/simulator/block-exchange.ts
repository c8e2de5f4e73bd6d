/**
 * Blocks by CID between simulated endpoints: providers are asked one after the other, hinted ones first, for
 * everything still missing; each answer costs a round trip and the time its bytes take. A provider that goes away
 * in the middle is given up, and the next one is asked for the rest.
 */
import type { Cid, PeerKey } from '../../node/protocol/ids.ts';
import type { FetchOutcome, FetchRequest } from '../../node/runtime/environment.ts';
import type { VirtualClock } from './clock.ts';
import type { Link } from './link.ts';
import type { Endpoint } from './network.ts';

/** Providers asked for one request before it is given up. */
const PROVIDERS_ASKED_MAX = 8;
/** A provider that does not answer is given up after this. */
const SILENCE_MS = 2_000;

interface Route {
  readonly endpoint: Endpoint;
  readonly link: Link;
  readonly dialled: boolean;
}

export class BlockExchange {
  bytes = 0;
  readonly #clock: VirtualClock;
  readonly #route: (from: Endpoint, to: PeerKey) => Route | undefined;

  constructor(clock: VirtualClock, route: (from: Endpoint, to: PeerKey) => Route | undefined) {
    this.#clock = clock;
    this.#route = route;
  }

  fetch(from: Endpoint, request: FetchRequest, done: (outcome: FetchOutcome) => void): void {
    this.#clock.defer(() => {
      this.#clock.touch();
      void this.#fetch(from, request).then((outcome) => {
        if (from.up) done(outcome);
      });
    });
  }

  async #fetch(from: Endpoint, request: FetchRequest): Promise<FetchOutcome> {
    const missing = new Set<Cid>();
    for (const cid of request.cids) if (!(await from.blocks.has(cid))) missing.add(cid);
    const asked: PeerKey[] = [];
    const providers = new Set([...request.providers, ...from.links.keys()]);
    providers.delete(from.key);
    const allowance = { bytes: request.bytesMax };
    for (const provider of providers) {
      if (missing.size === 0 || asked.length >= PROVIDERS_ASKED_MAX) break;
      const route = this.#route(from, provider);
      if (route === undefined) continue;
      asked.push(provider);
      await this.#ask(from, route, request, missing, allowance);
    }
    return missing.size === 0 ? { ok: true } : { ok: false, missing: [...missing], asked };
  }

  async #ask(
    from: Endpoint,
    { endpoint, link, dialled }: Route,
    request: FetchRequest,
    missing: Set<Cid>,
    allowance: { bytes: number },
  ): Promise<void> {
    await this.#clock.sleep(link.delayMs() * (dialled ? 7 : 1));
    if (link.severed) return this.#clock.sleep(SILENCE_MS);
    if (!endpoint.up || !from.up) return;
    for (const cid of [...missing]) {
      const bytes = endpoint.serves ? await endpoint.blocks.get(cid) : undefined;
      if (bytes === undefined || bytes.length > allowance.bytes) continue;
      await this.#clock.sleep(link.transferMs(bytes.length));
      if (!endpoint.up || !from.up || link.severed || (!dialled && !link.up)) return;
      allowance.bytes -= bytes.length;
      this.bytes += bytes.length;
      await from.blocks.put(cid, bytes, request.job);
      missing.delete(cid);
    }
    // The answer that says what is not kept there.
    if (missing.size > 0) await this.#clock.sleep(link.delayMs());
  }
}
