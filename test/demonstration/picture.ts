/** The second job: a picture of the Mandelbrot set through the same network, written as PNG. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { encode } from 'fast-png';
import { colourPicture } from '../../node/sdk/format.ts';
import { CHECKOUT } from '../support/daemon.ts';
import { drawMandelbrot, type View } from './draw-mandelbrot.ts';
import { play } from './play.ts';
import type { Screen } from './screen.ts';
import type { Swarm, SwarmPeer } from './swarm.ts';

const VIEW: View = { width: 1024, height: 1024, centreX: -0.75, centreY: 0, span: 3, iterations: 1000 };
const FILE = join(CHECKOUT, 'out', 'mandelbrot.png');

/** Resolves to what was expected and did not happen. */
export async function drawTogether(swarm: Swarm, submitter: SwarmPeer, screen: Screen): Promise<string[]> {
  const { width, height, iterations } = VIEW;
  screen.line(`Job: the Mandelbrot set, ${width}×${height} pixels, up to ${iterations} iterations each.`);
  const { bytes, progress } = await play({
    swarm,
    submitter,
    piece: {
      kernel: 'mandelbrot',
      arguments: Object.fromEntries(Object.entries(VIEW).map(([name, value]) => [name, String(value)])),
      policy: { quorum: 2, ownResults: 'never', tasksPerUnit: 8 },
    },
    onProgress: ({ done, units }) => screen.progress(done / units, `${done} of ${units} units`),
  });
  screen.done();
  const isEqual = Buffer.compare(bytes, drawMandelbrot(VIEW)) === 0;
  screen.line(
    `equal to the single-machine picture: ${isEqual ? 'yes' : 'NO'} (plain TypeScript, all ${bytes.length} bytes), ` +
      `${progress.label}, ${(progress.elapsedMs / 1_000).toFixed(1)} s`,
  );
  const data = colourPicture({ width, height, bytesPerPixel: 2, pixels: bytes }, iterations);
  await mkdir(dirname(FILE), { recursive: true });
  await writeFile(FILE, encode({ width, height, data, channels: 3, depth: 8 }));
  screen.line(`picture: ${relative(process.cwd(), FILE)}`);
  return isEqual ? [] : ['the picture differs from the single-machine picture'];
}
