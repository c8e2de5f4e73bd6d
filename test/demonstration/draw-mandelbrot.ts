/**
 * The single-machine picture: the Mandelbrot set in plain TypeScript, pixel by pixel, without tiles, lanes or kernel.
 * JavaScript numbers are the same IEEE 754 doubles, so every pixel must be equal to the last bit.
 */

export interface View {
  readonly width: number;
  readonly height: number;
  readonly centreX: number;
  readonly centreY: number;
  /** Width of the picture in the plane. */
  readonly span: number;
  readonly iterations: number;
}

/** Iterations each pixel survives: u16, little-endian, row by row. `iterations` means that it did not escape. */
export function drawMandelbrot({ width, height, centreX, centreY, span, iterations }: View): Uint8Array {
  const scale = span / width;
  const pixels = Buffer.alloc(width * height * 2);
  for (let py = 0; py < height; py++) {
    const cy = centreY - (py + 0.5 - height / 2) * scale;
    for (let px = 0; px < width; px++) {
      const cx = centreX + (px + 0.5 - width / 2) * scale;
      pixels.writeUInt16LE(survives(cx, cy, iterations), (py * width + px) * 2);
    }
  }
  return pixels;
}

function survives(cx: number, cy: number, iterations: number): number {
  let [x, y, count] = [0, 0, 0];
  while (count < iterations) {
    const [xx, yy] = [x * x, y * y];
    if (xx + yy > 4) break;
    y = x * y * 2 + cy;
    x = xx - yy + cx;
    count++;
  }
  return count;
}
