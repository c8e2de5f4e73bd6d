/**
 * The block exchange on the wire, in frames. A request names a range of a block; the answer says how long the whole
 * block is and carries the range, or says that the block is not kept here. Answers come in the order of requests.
 *
 *   request  id (4, little-endian)  offset (4)  length (4)  CID as text
 *   answer   id (4)  status (1)  total (4)  bytes of the range
 */
import { Uint8ArrayList } from 'uint8arraylist';
import { asciiBytes } from '../protocol/bytes.ts';
import type { Cid } from '../protocol/ids.ts';
import { BLOCK_BYTES_MAX } from '../protocol/limits.ts';
import { parseCid } from '../protocol/wire/block.ts';
import { RANGE_BYTES } from './limits.ts';

const REQUEST_HEADER = 12;
const ANSWER_HEADER = 9;
const FOUND = 0;
const NOT_FOUND = 1;
const CID_BYTES_MAX = 100;

export const REQUEST_BYTES_MAX = REQUEST_HEADER + CID_BYTES_MAX;
export const ANSWER_BYTES_MAX = ANSWER_HEADER + RANGE_BYTES;

export interface RangeRequest {
  readonly id: number;
  readonly cid: Cid;
  readonly offset: number;
  readonly length: number;
}

export type RangeAnswer =
  | { readonly id: number; readonly found: true; readonly total: number; readonly bytes: Uint8Array }
  | { readonly id: number; readonly found: false };

/** The other side does not keep to this file. Its stream is closed. */
export class BlockWireError extends Error {
  override readonly name = 'BlockWireError';
}

export function encodeRequest({ id, cid, offset, length }: RangeRequest): Uint8Array {
  const text = asciiBytes(cid);
  const frame = new Uint8Array(REQUEST_HEADER + text.length);
  const view = new DataView(frame.buffer);
  view.setUint32(0, id, true);
  view.setUint32(4, offset, true);
  view.setUint32(8, length, true);
  frame.set(text, REQUEST_HEADER);
  return frame;
}

export function decodeRequest(frame: Uint8Array): RangeRequest {
  if (frame.length <= REQUEST_HEADER || frame.length > REQUEST_BYTES_MAX) throw new BlockWireError('malformed request');
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const offset = view.getUint32(4, true);
  const length = view.getUint32(8, true);
  if (length > RANGE_BYTES || offset > BLOCK_BYTES_MAX) throw new BlockWireError('request out of range');
  let cid: Cid;
  try {
    cid = parseCid(new TextDecoder().decode(frame.subarray(REQUEST_HEADER))).toString() as Cid;
  } catch (error) {
    throw new BlockWireError('request for no CID of this network', { cause: error });
  }
  return { id: view.getUint32(0, true), cid, offset, length };
}

/** The block is kept: carries the part of `block` that was asked for. Copies it, so that a slow reader pins no block. */
export function encodeFound({ id, offset, length }: RangeRequest, block: Uint8Array): Uint8ArrayList {
  return new Uint8ArrayList(answerHeader(id, FOUND, block.length), block.slice(offset, offset + length));
}

export function encodeNotFound({ id }: RangeRequest): Uint8ArrayList {
  return new Uint8ArrayList(answerHeader(id, NOT_FOUND, 0));
}

export function decodeAnswer(frame: Uint8Array): RangeAnswer {
  if (frame.length < ANSWER_HEADER) throw new BlockWireError('malformed answer');
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const id = view.getUint32(0, true);
  const status = view.getUint8(4);
  if (status === NOT_FOUND) return { id, found: false };
  if (status !== FOUND) throw new BlockWireError(`unknown status ${status}`);
  return { id, found: true, total: view.getUint32(5, true), bytes: frame.subarray(ANSWER_HEADER) };
}

function answerHeader(id: number, status: number, total: number): Uint8Array {
  const header = new Uint8Array(ANSWER_HEADER);
  const view = new DataView(header.buffer);
  view.setUint32(0, id, true);
  view.setUint8(4, status);
  view.setUint32(5, total, true);
  return header;
}
