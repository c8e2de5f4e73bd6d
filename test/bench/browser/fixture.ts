/**
 * The page of the browser tests (`test/browser/fixture`), as far as measurements call it. Declared anew and not
 * imported: the page is bundled for browsers, this is compiled for Node.js.
 */
import type { Page } from 'puppeteer-core';
import type { PeerView } from '../../../node/protocol/view.ts';

export interface JoinOptions {
  readonly network: string;
  readonly bootstrap: readonly string[];
  readonly cores: number;
}

export interface Joined {
  readonly self: string;
}

interface Fixture {
  join(options: JoinOptions): Promise<Joined | { readonly code: string; readonly message: string }>;
  view(): PeerView;
  pause(reason: 'manual'): void;
  resume(reason: 'manual'): void;
  stop(): Promise<string>;
  startCitizen(): void;
  log(): readonly string[];
}

export function call<Name extends keyof Fixture>(
  page: Page,
  name: Name,
  ...values: Parameters<Fixture[Name]>
): Promise<Awaited<ReturnType<Fixture[Name]>>> {
  return page.evaluate(
    (called, given) => {
      const { fixture } = globalThis as unknown as { fixture: Record<string, (...values: unknown[]) => unknown> };
      return fixture[called]!(...given);
    },
    name as string,
    values as unknown[],
  ) as Promise<Awaited<ReturnType<Fixture[Name]>>>;
}

/** Rejects with what the page says when it cannot join. */
export async function joinFrom(page: Page, options: JoinOptions): Promise<Joined> {
  const joined = await call(page, 'join', options);
  if ('self' in joined) return joined;
  throw new Error(`the tab could not join: ${joined.code}: ${joined.message}`);
}
