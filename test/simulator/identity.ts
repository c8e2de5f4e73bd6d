/**
 * Modelled signatures: a keyed hash whose keys live in one registry, which plays the mathematics. Whoever holds an
 * identity can sign for it; checking asks the registry for the author's secret; nothing else hands secrets out, so
 * forging fails as it does with Ed25519, at a hundredth of the cost.
 *
 * Keys and signatures look like canonical Ed25519 encodings, since admission refuses others by their bytes alone.
 */
import { toHex } from '../../node/protocol/bytes.ts';
import type { PeerKey } from '../../node/protocol/ids.ts';
import type { Identity, VerificationItem } from '../../node/runtime/environment.ts';
import type { VirtualClock } from './clock.ts';
import { hash128 } from './hash.ts';
import type { RandomStream } from './random.ts';

export class IdentityRegistry {
  readonly #clock: VirtualClock;
  readonly #secrets = new Map<PeerKey, Uint32Array>();

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  create(random: RandomStream): Identity {
    const key = random.bytes(32);
    key[31]! &= 0x3f;
    const publicKey = toHex(key) as PeerKey;
    const secret = hash128(random.bytes(16));
    this.#secrets.set(publicKey, secret);
    const saltSecret = random.bytes(32);
    return {
      publicKey,
      saltSecret,
      sign: async (bytes) => {
        this.#clock.touch();
        return signatureOf(bytes, secret);
      },
      verify: async (items) => {
        this.#clock.touch();
        return items.map((item) => this.#isValid(item));
      },
    };
  }

  #isValid({ author, bytes, signature }: VerificationItem): boolean {
    const secret = this.#secrets.get(author);
    if (secret === undefined || signature.length !== 64) return false;
    const expected = signatureOf(bytes, secret);
    return expected.every((byte, i) => byte === signature[i]);
  }
}

function signatureOf(bytes: Uint8Array, secret: Uint32Array): Uint8Array {
  const signature = new Uint8Array(64);
  const first = hash128(bytes, secret);
  signature.set(new Uint8Array(first.buffer), 0);
  signature.set(new Uint8Array(hash128(bytes, first).buffer), 32);
  signature[31] = 0x01;
  return signature;
}
