/** Pieces of the binary format of WebAssembly, for tests that write modules without the sandbox's own code. */
export const one = (value: number): number[] => [value];

export function leb(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...leb(value >>> 7)];
}

export function signed(value: number): number[] {
  const low = ((value % 0x80) + 0x80) % 0x80;
  const rest = Math.floor(value / 0x80);
  return (rest === 0 && low < 0x40) || (rest === -1 && low >= 0x40) ? [low] : [low | 0x80, ...signed(rest)];
}

export function vector(items: readonly (readonly number[])[]): number[] {
  return [...leb(items.length), ...items.flat()];
}

export function sized(bytes: readonly number[]): number[] {
  return [...leb(bytes.length), ...bytes];
}

export function section(id: number, bytes: readonly number[]): number[] {
  return [id, ...sized(bytes)];
}

export function name(text: string): number[] {
  return sized([...new TextEncoder().encode(text)]);
}
