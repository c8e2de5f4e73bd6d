/**
 * Who this peer is. Everything follows from 32 secret bytes in the data folder: the Ed25519 key that signs
 * statements, the libp2p key (so the peer id names the same key as an author does), and the secret behind the salts
 * of commitments. Whoever copies the seed is this peer; one process at a time may use it, which the lock on the data
 * folder sees to.
 */
import { createHmac, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys';
import type { Ed25519PrivateKey } from '@libp2p/interface';
import { fromHex, toHex } from '../protocol/bytes.ts';
import type { PeerKey } from '../protocol/ids.ts';
import type { Identity, VerificationItem } from '../runtime/environment.ts';

export const SEED_BYTES = 32;
/** DER around a raw Ed25519 seed (PKCS#8) and a raw public key (SPKI), which node:crypto wants. */
const PKCS8_HEAD = Buffer.from('302e020100300506032b657004220420', 'hex');
const SPKI_HEAD = Buffer.from('302a300506032b6570032100', 'hex');
/** Parsed keys kept: parsing costs about as much as a verification. Oldest forgotten first. */
const KEYS_MAX = 4_096;
/** Signatures checked before other work of the process gets its turn: about 4 ms. */
const CHECKS_PER_TURN = 64;

export interface NodeIdentity extends Identity {
  /** The same key, for the transport. */
  readonly privateKey: Ed25519PrivateKey;
}

export async function createIdentity(seed: Uint8Array): Promise<NodeIdentity> {
  if (seed.length !== SEED_BYTES) throw new RangeError(`an identity seed has ${SEED_BYTES} bytes, not ${seed.length}`);
  const secretKey = createPrivateKey({ key: Buffer.concat([PKCS8_HEAD, seed]), format: 'der', type: 'pkcs8' });
  const spki = createPublicKey(secretKey).export({ format: 'der', type: 'spki' });
  return new SeededIdentity(
    secretKey,
    toHex(spki.subarray(SPKI_HEAD.length)) as PeerKey,
    createHmac('sha256', seed).update('shoal salt secret, version 1').digest(),
    await generateKeyPairFromSeed('Ed25519', seed),
  );
}

class SeededIdentity implements NodeIdentity {
  readonly publicKey: PeerKey;
  readonly saltSecret: Uint8Array;
  readonly privateKey: Ed25519PrivateKey;
  readonly #secretKey: KeyObject;
  readonly #keys = new Map<PeerKey, KeyObject>();

  constructor(secretKey: KeyObject, publicKey: PeerKey, saltSecret: Uint8Array, privateKey: Ed25519PrivateKey) {
    this.#secretKey = secretKey;
    this.publicKey = publicKey;
    this.saltSecret = new Uint8Array(saltSecret);
    this.privateKey = privateKey;
  }

  async sign(bytes: Uint8Array): Promise<Uint8Array> {
    return new Uint8Array(sign(null, bytes, this.#secretKey));
  }

  async verify(items: readonly VerificationItem[]): Promise<readonly boolean[]> {
    const answers: boolean[] = [];
    for (const item of items) {
      if (answers.length > 0 && answers.length % CHECKS_PER_TURN === 0) {
        await new Promise<void>((resolve) => setImmediate(resolve));
      }
      answers.push(this.#check(item));
    }
    return answers;
  }

  #check(item: VerificationItem): boolean {
    try {
      return verify(null, item.bytes, this.#keyOf(item.author), item.signature);
    } catch {
      // A key that is no point of the curve does not parse: no signature under it is valid.
      return false;
    }
  }

  #keyOf(author: PeerKey): KeyObject {
    const known = this.#keys.get(author);
    if (known !== undefined) return known;
    const key = createPublicKey({ key: Buffer.concat([SPKI_HEAD, fromHex(author)]), format: 'der', type: 'spki' });
    if (this.#keys.size >= KEYS_MAX) {
      const [oldest] = this.#keys.keys();
      if (oldest !== undefined) this.#keys.delete(oldest);
    }
    this.#keys.set(author, key);
    return key;
  }
}
