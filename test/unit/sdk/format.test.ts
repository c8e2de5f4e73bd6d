import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SdkError } from '../../../node/sdk/error.ts';
import {
  colourPicture,
  decodeCounts,
  decodeU64,
  encodeCounts,
  formatResult,
  pictureToPpm,
  topCounts,
} from '../../../node/sdk/format.ts';

const counts = [
  { key: 'and', count: 12n },
  { key: 'é', count: 3n },
  { key: 'the whale', count: 2n ** 40n },
  { key: 'zu', count: 3n },
];

describe('counts', () => {
  it('survive encoding', () => {
    const entry = fc.record({
      key: fc.string({ unit: 'grapheme' }),
      count: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    });
    fc.assert(
      fc.property(fc.array(entry), (list) => {
        expect(decodeCounts(encodeCounts(list))).toEqual(list);
      }),
    );
  });

  it('are refused where they break off', () => {
    const bytes = encodeCounts(counts);
    const whole = new Set([0, 15, 29, 50, 64]);
    for (let length = 0; length <= bytes.length; length++) {
      const read = () => decodeCounts(bytes.subarray(0, length));
      if (whole.has(length)) expect(read).not.toThrow();
      else expect(read).toThrow(SdkError);
    }
  });

  it('are shown largest first, equal ones in their order', () => {
    expect(topCounts(counts, 3).map(({ key }) => key)).toEqual(['the whale', 'and', 'é']);
    const lines = formatResult({ show: 'counts', bytes: encodeCounts(counts) }, 2).split('\n');
    expect(lines).toEqual(['1099511627776  the whale', '           12  and', '1099511627794 in all, 4 distinct']);
    expect(formatResult({ show: 'counts', bytes: new Uint8Array(0) })).toBe('0 in all, 0 distinct');
  });
});

describe('numbers and pictures', () => {
  it('shows a u64 and refuses other sizes', () => {
    const bytes = new Uint8Array(new BigUint64Array([2n ** 63n + 5n]).buffer);
    expect(formatResult({ show: 'u64', bytes })).toBe('9223372036854775813');
    expect(() => decodeU64(bytes.subarray(1))).toThrow('a u64 has 8 bytes, not 7');
  });

  it('colours a picture, points of the largest value black', () => {
    const pixels = new Uint8Array(new Uint16Array([1, 300, 7, 1000, 1000, 2]).buffer);
    const picture = { width: 3, height: 2, bytesPerPixel: 2, pixels } as const;
    const rgb = colourPicture(picture);
    expect(rgb).toHaveLength(18);
    expect([...rgb.subarray(9, 15)]).toEqual([0, 0, 0, 0, 0, 0]);
    const colours = new Set([0, 1, 2, 5].map((i) => rgb.subarray(i * 3, i * 3 + 3).join()));
    expect(colours.size).toBe(4);
    expect(colours.has('0,0,0')).toBe(false);
    const head = 'P6\n3 2\n255\n';
    const ppm = pictureToPpm(picture);
    expect(Buffer.from(ppm.subarray(0, head.length)).toString()).toBe(head);
    expect(ppm.subarray(head.length)).toEqual(rgb);
    expect(formatResult({ show: 'picture', bytes: pixels, picture })).toBe('picture of 3×2 pixels');
  });
});
