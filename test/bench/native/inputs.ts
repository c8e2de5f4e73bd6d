/** What each kernel computes in the comparison with C: arguments, and the file where it needs one. The first task counts. */
export interface BenchInput {
  readonly words: string;
  readonly args: Readonly<Record<string, string | number>>;
  readonly taskSize?: number;
  readonly file?: () => Promise<Uint8Array>;
}

export const INPUTS: Readonly<Record<string, BenchInput>> = {
  'lucas-lehmer': { words: 'the exponent 11213', args: { from: 11213, to: 11214 } },
  'option-price': { words: '1,000,000 paths of a European call', args: {} },
};
