/**
 * The course of a volunteer tab: find the network, look at it, compute, end. The peer is made as soon as the network is
 * known, but paused: it offers no cores and is given no work, while the page can already show what the network does.
 * The one button only lifts that pause.
 */
import { type Signal, signal } from '@preact/signals';
import { formatInvitation, type Invitation } from '../../../node/network/invitation.ts';
import type { EndReason, TabPeer, TabPeerOptions } from '../../peer/compose.ts';
import { PageState } from '../state.ts';
import type { FoundInvitation } from './find-invitation.ts';
import type { Memory } from './memory.ts';
import type { OpenedPeer } from './open-peer.ts';

export interface Joined {
  readonly peer: TabPeer;
  readonly state: PageState;
  readonly found: FoundInvitation;
}

export interface Obstacle {
  /** As TabPeerErrorCode and NetworkErrorCode, or `unknown`. */
  readonly code: string;
  readonly message: string;
}

export type Stage =
  | { readonly name: 'searching' }
  /** No network is known. `problem`: what was wrong with the one that was named. */
  | { readonly name: 'uninvited'; readonly problem: string | undefined }
  | { readonly name: 'impossible'; readonly obstacle: Obstacle }
  | { readonly name: 'opening' }
  /** Connected as far as the network allows, and computing nothing. */
  | ({ readonly name: 'ready' } & Joined)
  | ({ readonly name: 'running' } & Joined)
  | { readonly name: 'ended'; readonly reason: EndReason };

export interface SessionParts {
  readonly find: () => Promise<FoundInvitation | undefined>;
  /** Rejects with a TabPeerError where this browser or this address cannot take part. */
  readonly checkBrowser: () => Promise<void>;
  /** Makes the peer and the page's view of it. Rejects with an error that has words for the page. */
  readonly open: (options: TabPeerOptions) => Promise<OpenedPeer>;
  readonly memory: Memory;
  /** The most cores that can be given. */
  readonly coresMax: number;
  readonly hash: () => string;
  /** Where this page is, without its fragment. */
  readonly pageUrl: () => string;
  /** Called when there is an invitation to keep in the address. */
  readonly showInvitation: (fragment: string) => void;
}

export class VolunteerSession {
  readonly stage: Signal<Stage> = signal({ name: 'searching' });
  /** Cores to give, before and while it computes. */
  readonly cores: Signal<number>;
  readonly startsByItself: Signal<boolean>;
  readonly coresMax: number;
  readonly #parts: SessionParts;

  constructor(parts: SessionParts) {
    this.#parts = parts;
    this.coresMax = parts.coresMax;
    this.cores = signal(Math.min(parts.memory.cores ?? Math.max(1, Math.floor(parts.coresMax / 2)), parts.coresMax));
    this.startsByItself = signal(parts.memory.startsByItself);
    this.startsByItself.subscribe((wanted) => {
      parts.memory.startsByItself = wanted;
    });
  }

  /** From the beginning: also after an end. Never rejects; what stands in the way becomes a stage. */
  async begin(): Promise<void> {
    this.stage.value = { name: 'searching' };
    try {
      await this.#parts.checkBrowser();
    } catch (error) {
      this.#impossible(error);
      return;
    }
    let found: FoundInvitation | undefined;
    try {
      found = await this.#parts.find();
    } catch (error) {
      this.stage.value = { name: 'uninvited', problem: wordsOf(error) };
      return;
    }
    if (found === undefined) this.stage.value = { name: 'uninvited', problem: undefined };
    else await this.#join(found);
  }

  /** With an invitation somebody typed or pasted. */
  join(invitation: Invitation): Promise<void> {
    return this.#join({ invitation, from: 'link' });
  }

  /** The button. */
  async start(): Promise<void> {
    const stage = this.stage.value;
    if (stage.name !== 'ready') return;
    const { memory } = this.#parts;
    memory.cores = this.cores.value;
    memory.started = 'computing';
    memory.keep(stage.found, formatInvitation(stage.found.invitation));
    await stage.state.source.setCapacity?.({ cores: this.cores.value, paused: false });
    if (this.stage.value === stage) this.stage.value = { ...stage, name: 'running' };
  }

  async #join(found: FoundInvitation): Promise<void> {
    const { memory, open, showInvitation, hash, pageUrl } = this.#parts;
    const { addresses, network } = found.invitation;
    this.stage.value = { name: 'opening' };
    try {
      const { peer, source, extras } = await open({
        bootstrap: addresses,
        network,
        cores: this.cores.value,
        paused: ['manual'],
      });
      const fragment = formatInvitation(found.invitation);
      // Consent is for a network: a link to another one, sent by whomever, waits for the button again.
      const isKnown = found.from !== 'link' || memory.network === fragment;
      if (found.from !== 'site') showInvitation(fragment);
      const state = new PageState(source, hash(), {
        ...extras,
        inviteUrl: `${pageUrl()}#${fragment}`,
        joinedThrough: addresses,
        startsByItself: this.startsByItself,
      });
      const joined: Joined = { peer, state, found };
      this.stage.value = { name: 'ready', ...joined };
      void peer.ended.then((reason) => {
        this.stage.value = { name: 'ended', reason };
      });
      state.view.subscribe((view) => this.#remember(view?.cores, view?.paused.includes('manual')));
      if (isKnown) await this.#goOn(joined);
    } catch (error) {
      this.#impossible(error);
    }
  }

  /** A reload goes on as before; a first visit waits for the button unless its person asked for none. */
  async #goOn({ state }: Joined): Promise<void> {
    const { started } = this.#parts.memory;
    if (started === 'paused') {
      const stage = this.stage.value;
      if (stage.name === 'ready') this.stage.value = { ...stage, name: 'running' };
    } else if (started === 'computing' || this.startsByItself.value) {
      await state.attempt('Not started', () => this.start());
    }
  }

  #remember(cores: number | undefined, isPaused: boolean | undefined): void {
    if (this.stage.peek().name !== 'running' || cores === undefined) return;
    const { memory } = this.#parts;
    memory.started = isPaused === true ? 'paused' : 'computing';
    if (cores > 0 && cores !== this.cores.peek()) {
      this.cores.value = cores;
      memory.cores = cores;
    }
  }

  #impossible(error: unknown): void {
    const code = (error as { readonly code?: unknown } | undefined)?.code;
    const obstacle = { code: typeof code === 'string' ? code : 'unknown', message: wordsOf(error) };
    this.stage.value =
      obstacle.code === 'address-malformed' || obstacle.code === 'invitation-malformed'
        ? { name: 'uninvited', problem: obstacle.message }
        : { name: 'impossible', obstacle };
  }
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
