/** Numbers, times and names as people read them. */
import { base58btc } from 'multiformats/bases/base58';
import type { PeerKey } from '../../../node/protocol/ids.ts';
import type { UnitState } from '../../../node/protocol/view.ts';

/** What stands before an Ed25519 key in a libp2p peer id: identity hash, 36 bytes, protobuf of type and key. */
const PEER_ID_PREFIX = [0x00, 0x24, 0x08, 0x01, 0x12, 0x20];

/** `12D3Koo…`: the peer id of libp2p, which embeds the key. Without libp2p, which would be most of the page. */
export function peerName(key: PeerKey): string {
  const bytes = Uint8Array.from([
    ...PEER_ID_PREFIX,
    ...Array.from({ length: 32 }, (_, i) => Number.parseInt(key.slice(i * 2, i * 2 + 2), 16)),
  ]);
  return base58btc.baseEncode(bytes);
}

/** The beginning of an Ed25519 peer id is always the same: its end tells peers apart. */
export function shortPeerName(key: PeerKey): string {
  return `12D3…${peerName(key).slice(-8)}`;
}

export function shortId(id: string): string {
  return id.slice(0, 10);
}

/** 1234567 → 1.23 M */
export function amount(number: number): string {
  const units = ['', ' k', ' M', ' G', ' T', ' P'];
  let value = number;
  let unit = 0;
  for (; value >= 999.5 && unit < units.length - 1; unit++) value /= 1_000;
  if (unit === 0) return Number.isInteger(value) ? String(value) : value.toFixed(1);
  return `${value < 9.995 ? value.toFixed(2) : value < 99.95 ? value.toFixed(1) : value.toFixed(0)}${units[unit]}`;
}

export function bytes(number: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = number;
  let unit = 0;
  for (; value >= 1_024 && unit < units.length - 1; unit++) value /= 1_024;
  return `${unit === 0 || Number.isInteger(value) ? value : value.toFixed(1)} ${units[unit]}`;
}

export function duration(ms: number): string {
  const seconds = Math.max(0, ms) / 1_000;
  if (!Number.isFinite(seconds)) return 'unknown';
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 100) return `${Math.round(seconds)} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${(seconds / 3_600).toFixed(1)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}

export function count(number: number, noun: string, nouns = `${noun}s`): string {
  return `${number.toLocaleString('en')} ${number === 1 ? noun : nouns}`;
}

export function percent(part: number, whole: number): string {
  if (whole === 0) return '0 %';
  const value = (part / whole) * 100;
  return `${value > 0 && value < 10 ? value.toFixed(1) : Math.round(value)} %`;
}

export function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? '' : '.');
}

/** Unit states from untouched to settled, with their words. */
export const UNIT_STATES: readonly { readonly state: UnitState; readonly name: string; readonly meaning: string }[] = [
  { state: 'open', name: 'open', meaning: 'nobody works on it yet' },
  { state: 'claimed', name: 'claimed', meaning: 'a peer computes it' },
  { state: 'committed', name: 'sealed', meaning: 'a result exists, sealed until others have one of their own' },
  { state: 'revealed', name: 'revealed', meaning: 'results are opened, more are needed' },
  { state: 'disputed', name: 'disputed', meaning: 'results differ; re-execution finds out who is wrong' },
  { state: 'agreed', name: 'agreed', meaning: 'enough peers computed the same result' },
  { state: 'own', name: 'own', meaning: 'computed by its submitter alone' },
  { state: 'satisfied', name: 'settled', meaning: 'its submitter has a result and needs no more' },
];

export const DONE_STATES: ReadonlySet<UnitState> = new Set(['agreed', 'own', 'satisfied']);
