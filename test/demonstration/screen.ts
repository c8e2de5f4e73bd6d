/** What the demonstration prints: one live line on a terminal, plain lines where the output goes into a file. */

export class Screen {
  readonly #out: NodeJS.WriteStream;
  #live = '';
  #lastPlain = -1;

  constructor(out: NodeJS.WriteStream = process.stdout) {
    this.#out = out;
  }

  /** Whether somebody watches: a line that changes is of no use in a file. */
  get isLive(): boolean {
    return this.#out.isTTY === true;
  }

  line(text = ''): void {
    this.#erase();
    this.#out.write(`${text}\n`);
    if (this.#live !== '') this.#out.write(this.#live);
  }

  /** Progress from 0 to 1. Live on a terminal, otherwise a line for each tenth. */
  progress(fraction: number, text: string): void {
    if (this.#out.isTTY) {
      this.#erase();
      const width = 30;
      const full = Math.round(fraction * width);
      this.#live = `  [${'#'.repeat(full)}${'.'.repeat(width - full)}] ${text}`.slice(0, (this.#out.columns || 80) - 1);
      this.#out.write(this.#live);
      return;
    }
    const tenth = Math.floor(fraction * 10);
    if (tenth === this.#lastPlain) return;
    this.#lastPlain = tenth;
    this.line(`  ${`${Math.floor(fraction * 100)} %`.padStart(5)}  ${text}`);
  }

  /** Ends the live line. */
  done(): void {
    this.#erase();
    this.#live = '';
    this.#lastPlain = -1;
  }

  #erase(): void {
    if (this.#live !== '') this.#out.write('\r\u001b[2K');
  }
}
