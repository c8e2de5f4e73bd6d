/** `--plot file.svg`: a result as a drawing, for those who have no page at hand. */
import { writeFile } from 'node:fs/promises';
import type { FinishedOutcome } from '../../sdk/jobs/note.ts';
import type { KernelManifest } from '../../sdk/manifest.ts';
import { plotData } from '../../sdk/plot/data.ts';
import { drawPlot } from '../../sdk/plot/draw.ts';
import { toSvg } from '../../sdk/plot/svg.ts';
import { ShoalError } from '../errors.ts';

const WIDTH = 760;

/** Before a job is submitted for it. */
export function checkPlot(path: string | undefined, { name, result }: Pick<KernelManifest, 'name' | 'result'>): void {
  if (path === undefined || result.plot !== undefined) return;
  const instead = result.show === 'picture' ? ' Its result is a picture: use --output.' : '';
  throw new ShoalError('usage', `--plot: ${name} has no plot (result.plot in its kernel.json).${instead}`);
}

/** Rejects with a ShoalError `usage` or `storage`, or an SdkError `result-malformed`. */
export async function writePlot(
  path: string,
  title: string,
  outcome: FinishedOutcome,
  bytes: Uint8Array,
): Promise<void> {
  const { plot, show, columns } = outcome;
  if (plot === undefined) throw new ShoalError('usage', '--plot: the kernel of this job has no plot.');
  const svg = toSvg(drawPlot(plotData(plot, { show, bytes, columns }), WIDTH), title);
  try {
    await writeFile(path, svg);
  } catch (error) {
    throw new ShoalError('storage', `cannot write the plot to ${path}: ${(error as Error).message}`, error);
  }
}
