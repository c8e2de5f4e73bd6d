/**
 * What a browser must have before anything is started. Ed25519 in particular must be the browser's own: keys and
 * signatures are made by code that was written for secrets, and every engine then agrees on which signatures are valid.
 */
import { TabPeerError } from './error.ts';

/** The part of the global object that is looked at; a test hands in one with something missing. */
export interface BrowserGlobals {
  readonly isSecureContext: boolean;
  readonly crypto?: { readonly subtle?: SubtleCrypto };
  readonly indexedDB?: unknown;
  readonly navigator?: { readonly locks?: unknown };
  readonly Worker?: unknown;
  readonly WebSocket?: unknown;
  readonly WebAssembly?: unknown;
}

/** Rejects with a TabPeerError that says what is missing and what to do. */
export async function checkRequirements(globals: BrowserGlobals): Promise<void> {
  if (!globals.isSecureContext) {
    throw new TabPeerError(
      'insecure-context',
      'this page came over plain http from another machine, and browsers give such pages no cryptography: ' +
        'open it over https, or on the machine that serves it as http://127.0.0.1',
    );
  }
  const needed: readonly (readonly [string, unknown])[] = [
    ['crypto.subtle', globals.crypto?.subtle],
    ['IndexedDB', globals.indexedDB],
    ['Web Locks', globals.navigator?.locks],
    ['Web Workers', globals.Worker],
    ['WebSocket', globals.WebSocket],
    ['WebAssembly', globals.WebAssembly],
  ];
  const missing = needed.filter(([, value]) => value === undefined).map(([name]) => name);
  if (missing.length > 0) {
    throw new TabPeerError('browser-too-old', `this browser has no ${missing.join(', no ')}: use a current one`);
  }
  await checkEd25519(globals.crypto!.subtle!);
}

async function checkEd25519(subtle: SubtleCrypto): Promise<void> {
  try {
    const { privateKey, publicKey } = (await subtle.generateKey('Ed25519', false, ['sign', 'verify'])) as CryptoKeyPair;
    const probe = Uint8Array.of(1, 2, 3);
    const signature = await subtle.sign('Ed25519', privateKey, probe);
    if (!(await subtle.verify('Ed25519', publicKey, signature, probe))) throw new Error('it refused its own signature');
  } catch (error) {
    throw new TabPeerError(
      'no-ed25519',
      'this browser cannot sign with Ed25519 by itself (Chrome 137, Firefox 129 and Safari 17 can): use a current one',
      { cause: error },
    );
  }
}
