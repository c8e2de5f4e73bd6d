/** What each kernel computes in the comparison with C: arguments, and the file where it needs one. The first task counts. */
export interface BenchInput {
  readonly words: string;
  readonly args: Readonly<Record<string, string | number>>;
  readonly taskSize?: number;
  readonly file?: () => Promise<Uint8Array>;
}

export const INPUTS: Readonly<Record<string, BenchInput>> = {
  'lucas-lehmer': { words: 'p = 11213, M(23), and the composite next to it', args: { from: 11213, to: 11240 } },
};
