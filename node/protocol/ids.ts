/**
 * Names for things. Every identifier is a string at rest in memory, so that it can be a map key and be compared
 * with `<`; the wire carries bytes. Brands keep a job id from being passed where a peer is expected, at no cost.
 */
declare const brand: unique symbol;
type Branded<T, B extends string> = T & { readonly [brand]: B };

/** An Ed25519 public key, 64 lower-case hex digits. It names a peer, and the author of a statement. */
export type PeerKey = Branded<string, 'PeerKey'>;
/** SHA-256 of a statement's signed bytes, 64 hex digits. */
export type StatementId = Branded<string, 'StatementId'>;
/** The statement id of a job's announcement. */
export type JobId = Branded<string, 'JobId'>;
/** A SHA-256 digest, 64 hex digits: a seal, a root, an input digest, an output hash. */
export type Digest = Branded<string, 'Digest'>;
/** A CIDv1 with SHA-256, in base32, as every IPFS tool prints it. */
export type Cid = Branded<string, 'Cid'>;
/** Milliseconds: of the clock handed in with an event, or a length of time. */
export type Millis = number;
/** Correlates an effect with the event that completes it. Unique for one run of one state machine. */
export type Ticket = number;
/** Zero-based index of a work unit in its job. */
export type UnitIndex = number;
