/**
 * A signed statement: `[author key, body, signature]` as dag-cbor.
 *
 *   signed bytes = "shoal/1|" network "|" author body        (author 32 bytes, body canonical dag-cbor)
 *   id           = SHA-256(signed bytes)
 *
 * The network's name is inside what is signed, so that a statement of one network means nothing in another; the
 * signature is outside the id, so that a re-signed twin is the same statement. Decoding is strict: whatever would
 * not come out byte for byte again when encoded is refused, so one statement has one form.
 */
import { decode, encode } from '@ipld/dag-cbor';
import { sha256 } from '@noble/hashes/sha2.js';
import { asciiBytes, concatBytes, equalBytes, fromHex, toHex } from '../bytes.ts';
import type { PeerKey, StatementId } from '../ids.ts';
import { PROTOCOL_VERSION } from '../parameters.ts';
import { type Shape, WireError } from './schema.ts';
import { type Body, SHAPES, type StatementKind } from './statement.ts';

export interface Envelope {
  readonly id: StatementId;
  readonly author: PeerKey;
  readonly body: Body;
  readonly signedBytes: Uint8Array;
  readonly signature: Uint8Array;
  /** The whole envelope as it travels. */
  readonly bytes: Uint8Array;
}

export function encodeBody(body: Body): Uint8Array {
  // The union of shapes cannot be called with the union of bodies; the kind ties the two together.
  const shape = SHAPES[body.kind] as Shape<unknown>;
  return encode([body.kind, shape.encode(body)]);
}

export function decodeBody(bytes: Uint8Array): Body {
  const data = decodeStrict(bytes, 'body');
  if (!Array.isArray(data) || data.length !== 2) throw new WireError('body: not a pair of kind and content');
  const [kind, content] = data as [unknown, unknown];
  if (typeof kind !== 'string' || !Object.hasOwn(SHAPES, kind)) throw new WireError('body: unknown kind');
  const shape = SHAPES[kind as StatementKind] as Shape<object>;
  const body = { ...shape.decode(content, kind), kind } as Body;
  if (!equalBytes(encodeBody(body), bytes)) throw new WireError('body: not in canonical form');
  return body;
}

export function signedBytes(network: string, author: PeerKey, body: Uint8Array): Uint8Array {
  return concatBytes(asciiBytes(`shoal/${PROTOCOL_VERSION}|${network}|`), fromHex(author), body);
}

export function statementId(signed: Uint8Array): StatementId {
  return toHex(sha256(signed)) as StatementId;
}

export function sealEnvelope(author: PeerKey, body: Body, signed: Uint8Array, signature: Uint8Array): Envelope {
  const bytes = encode([fromHex(author), encodeBody(body), signature]);
  return { id: statementId(signed), author, body, signedBytes: signed, signature, bytes };
}

/** Throws a WireError that says what is wrong. Does not check the signature. */
export function decodeEnvelope(bytes: Uint8Array, network: string): Envelope {
  const data = decodeStrict(bytes, 'envelope');
  if (!Array.isArray(data) || data.length !== 3) throw new WireError('envelope: not author, body, signature');
  const [key, bodyBytes, signature] = data as [unknown, unknown, unknown];
  if (!(key instanceof Uint8Array) || key.length !== 32) throw new WireError('envelope: author is not 32 bytes');
  if (!(bodyBytes instanceof Uint8Array)) throw new WireError('envelope: body is not bytes');
  if (!(signature instanceof Uint8Array) || signature.length !== 64) {
    throw new WireError('envelope: signature is not 64 bytes');
  }
  if (!equalBytes(encode(data), bytes)) throw new WireError('envelope: not in canonical form');
  const author = toHex(key) as PeerKey;
  const signed = signedBytes(network, author, bodyBytes);
  return { id: statementId(signed), author, body: decodeBody(bodyBytes), signedBytes: signed, signature, bytes };
}

function decodeStrict(bytes: Uint8Array, what: string): unknown {
  try {
    return decode(bytes);
  } catch (error) {
    throw new WireError(`${what}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
