/** Names and numbers as the page writes them. */
import { describe, expect, it } from 'vitest';
import {
  amount,
  bytes,
  duration,
  peerName,
  percent,
  sentence,
  shortPeerName,
} from '../../../browser/page/model/words.ts';
import { peerNameOf } from '../../../node/network/peer-key.ts';
import type { PeerKey } from '../../../node/protocol/ids.ts';

describe('words', () => {
  it('names peers as libp2p does', () => {
    for (const key of ['00', '01', '7f', 'ff', 'a5'].map((byte) => byte.repeat(32) as PeerKey)) {
      expect(peerName(key)).toBe(peerNameOf(key));
      expect(peerNameOf(key).endsWith(shortPeerName(key).slice(-8))).toBe(true);
    }
  });

  it.each([
    [0, '0'],
    [999, '999'],
    [1_234, '1.23 k'],
    [999_600, '1.00 M'],
    [98_222_287, '98.2 M'],
    [2 ** 43, '8.80 T'],
  ])('shortens %d', (number, text) => {
    expect(amount(number)).toBe(text);
  });

  it('gives sizes, times and parts', () => {
    expect(bytes(16)).toBe('16 bytes');
    expect(bytes(131_072)).toBe('128 KiB');
    expect(bytes(1_600_000)).toBe('1.5 MiB');
    expect(duration(1_234)).toBe('1.2 s');
    expect(duration(90_000)).toBe('90 s');
    expect(duration(600_000)).toBe('10 min');
    expect(percent(1, 3)).toBe('33 %');
    expect(percent(1, 30)).toBe('3.3 %');
    expect(percent(0, 0)).toBe('0 %');
    expect(sentence('no job is known')).toBe('No job is known.');
  });
});
