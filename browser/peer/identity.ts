/**
 * Who this tab is: an Ed25519 key made and used by the browser's own cryptography. Everything follows from 32 secret
 * bytes in the slot's database, exactly as in the daemon: the key that signs statements, the same key for libp2p, and
 * the secret behind the salts of commitments.
 */
import type { PrivateKey } from '@libp2p/interface';
import { ed25519 } from '@noble/curves/ed25519.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { privateKeyFromSeed } from '../../node/network/peer-key.ts';
import { asciiBytes, concatBytes, fromHex, toHex } from '../../node/protocol/bytes.ts';
import type { PeerKey } from '../../node/protocol/ids.ts';
import type { Identity, VerificationItem } from '../../node/runtime/environment.ts';

export const SEED_BYTES = 32;
/** DER around a raw Ed25519 seed (PKCS#8), the only form of a private key that WebCrypto takes without the public one. */
const PKCS8_HEAD = fromHex('302e020100300506032b657004220420');
/** Imported keys kept: importing costs about as much as a verification. Oldest forgotten first. */
const KEYS_MAX = 4_096;
const ALGORITHM = 'Ed25519';

export interface TabIdentity extends Identity {
  /** The same key, for the transport. */
  readonly privateKey: PrivateKey;
  /**
   * From now on signs within the call. The browser's own cryptography answers in a later task, which a page that is
   * ending does not get, and its goodbye would never leave; so those last signatures, and no others, are made in
   * JavaScript. Ed25519 is deterministic: they are the same.
   */
  hurry(): void;
}

export async function createIdentity(seed: Uint8Array): Promise<TabIdentity> {
  if (seed.length !== SEED_BYTES) throw new RangeError(`an identity seed has ${SEED_BYTES} bytes, not ${seed.length}`);
  const { subtle } = globalThis.crypto;
  const pkcs8 = concatBytes(PKCS8_HEAD, seed) as Uint8Array<ArrayBuffer>;
  const signingKey = await subtle.importKey('pkcs8', pkcs8, ALGORITHM, false, ['sign']);
  const privateKey = await privateKeyFromSeed(seed);
  const saltSecret = hmac(sha256, seed, asciiBytes('shoal salt secret, version 1'));
  return new SeededIdentity(new Uint8Array(seed), subtle, signingKey, privateKey, saltSecret);
}

class SeededIdentity implements TabIdentity {
  readonly publicKey: PeerKey;
  readonly saltSecret: Uint8Array;
  readonly privateKey: PrivateKey;
  readonly #seed: Uint8Array;
  readonly #subtle: SubtleCrypto;
  readonly #signingKey: CryptoKey;
  readonly #keys = new Map<PeerKey, Promise<CryptoKey | undefined>>();
  #hurried = false;

  constructor(
    seed: Uint8Array,
    subtle: SubtleCrypto,
    signingKey: CryptoKey,
    privateKey: PrivateKey,
    saltSecret: Uint8Array,
  ) {
    this.#seed = seed;
    this.#subtle = subtle;
    this.#signingKey = signingKey;
    this.privateKey = privateKey;
    this.publicKey = toHex(privateKey.publicKey.raw) as PeerKey;
    this.saltSecret = saltSecret;
  }

  async sign(bytes: Uint8Array): Promise<Uint8Array> {
    if (this.#hurried) return ed25519.sign(bytes, this.#seed);
    const signature = await this.#subtle.sign(ALGORITHM, this.#signingKey, bytes as Uint8Array<ArrayBuffer>);
    return new Uint8Array(signature);
  }

  hurry(): void {
    this.#hurried = true;
  }

  verify(items: readonly VerificationItem[]): Promise<readonly boolean[]> {
    return Promise.all(items.map((item) => this.#check(item)));
  }

  async #check({ author, bytes, signature }: VerificationItem): Promise<boolean> {
    const key = await this.#keyOf(author);
    if (key === undefined) return false;
    try {
      return await this.#subtle.verify(
        ALGORITHM,
        key,
        signature as Uint8Array<ArrayBuffer>,
        bytes as Uint8Array<ArrayBuffer>,
      );
    } catch {
      return false;
    }
  }

  #keyOf(author: PeerKey): Promise<CryptoKey | undefined> {
    let key = this.#keys.get(author);
    if (key === undefined) {
      // A key that is no point of the curve does not import: no signature under it is valid.
      key = this.#import(author).catch(() => undefined);
      if (this.#keys.size >= KEYS_MAX) {
        const [oldest] = this.#keys.keys();
        if (oldest !== undefined) this.#keys.delete(oldest);
      }
      this.#keys.set(author, key);
    }
    return key;
  }

  async #import(author: PeerKey): Promise<CryptoKey> {
    return this.#subtle.importKey('raw', fromHex(author) as Uint8Array<ArrayBuffer>, ALGORITHM, false, ['verify']);
  }
}
