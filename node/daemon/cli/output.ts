/** What goes to the terminal: results and tables on stdout, everything else on stderr; no reader left is no error. */

import type { Progress } from '../../sdk/jobs/progress.ts';
import { toJson } from '../api/json.ts';

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function printJson(value: unknown): void {
  print(toJson(value));
}

/** For people: stderr, so that it never mixes with a result. */
export function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** `shoal jobs | head` closes the pipe: stop quietly, as other tools do. */
export function endQuietlyOnClosedPipe(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit();
      throw error;
    });
  }
}

/**
 * Ends the process as soon as everything written is out. For a peer that has stopped: libp2p 3 still has a timer of one
 * second then, which would do nothing but keep the terminal waiting.
 */
export async function leave(): Promise<never> {
  for (const stream of [process.stdout, process.stderr]) {
    await new Promise<unknown>((resolve) => stream.write('', resolve));
  }
  process.exit();
}

/** Columns as wide as their widest cell; `-` where there is nothing. */
export function table(head: readonly string[], rows: readonly (readonly (string | number | undefined)[])[]): string {
  const cells = [
    head,
    ...rows.map((row) => row.map((cell) => (cell === undefined || cell === '' ? '-' : String(cell)))),
  ];
  const widths = head.map((_, column) => Math.max(...cells.map((row) => (row[column] ?? '').length)));
  return cells
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

export function bytes(number: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = number;
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024;
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/** `41 %`, of a part from 0 to 1. Only what is all done is 100 %. */
export function percent(part: number): string {
  return `${Math.floor(100 * part)} %`;
}

export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return 'unknown';
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3_600).toFixed(1)} h`;
}

/** 1234567 → 1.23 M */
export function short(number: number): string {
  const units = ['', ' k', ' M', ' G', ' T', ' P'];
  let value = number;
  let unit = 0;
  for (; value >= 1_000 && unit < units.length - 1; unit++) value /= 1_000;
  return unit === 0 ? String(value) : `${value.toFixed(2)}${units[unit]}`;
}

export function progressText(progress: Progress): string {
  const { units, done, unitsPerSecond, etaSeconds, replicasAgreeing, replicasRevealed, counts } = progress;
  const parts = [`${done}/${units} units`];
  if (unitsPerSecond !== undefined && done < units) parts.push(`${unitsPerSecond.toFixed(1)} units/s`);
  if (etaSeconds !== undefined && done < units) parts.push(`ETA ${duration(etaSeconds)}`);
  if (replicasRevealed > 0) parts.push(`${replicasAgreeing} of ${replicasRevealed} replicas agree`);
  if (counts !== undefined && counts.disputed > 0) parts.push(`${counts.disputed} disputed`);
  if (progress.label !== '') parts.push(progress.label);
  if (progress.state !== 'running') parts.push(progress.state);
  return parts.join(', ');
}

/** One line that is rewritten where stderr is a terminal, and a plain line now and then where it is not. */
export class ProgressLine {
  readonly #rewrites = process.stderr.isTTY === true;
  #lastText = '';
  #lastAtMs = 0;

  show(progress: Progress): void {
    const text = progressText(progress);
    if (text === this.#lastText) return;
    if (this.#rewrites) {
      const columns = process.stderr.columns || 80;
      process.stderr.write(`\r\x1b[K${text.slice(0, columns - 1)}`);
    } else {
      const now = performance.now();
      if (this.#lastText !== '' && now - this.#lastAtMs < 2_000 && progress.state === 'running') return;
      this.#lastAtMs = now;
      say(text);
    }
    this.#lastText = text;
  }

  /** Makes room for other lines. */
  end(): void {
    if (this.#rewrites && this.#lastText !== '') process.stderr.write('\n');
    this.#lastText = '';
  }
}
