/** The link with which others join, and its code for a telephone's camera where a telephone can get there. */
import { isLoopback } from '../volunteers/place.ts';
import { print } from './output.ts';

/** The code only goes to a terminal: in a file or a pipe it is of no use. */
export async function printInvitation(url: string): Promise<void> {
  print(`  volunteers join at ${url}`);
  const host = new URL(url).hostname.replace(/^\[|\]$/g, '');
  if (isLoopback(host)) print('  (on this machine; for others see "shoal up --help": --serve-volunteers, --tls-cert)');
  else if (process.stdout.isTTY === true) print(await codeFor(url));
}

/** Its light parts are white and its dark ones black whatever the terminal's colours are: many cameras read no inverted code. */
export async function codeFor(url: string): Promise<string> {
  const { renderUnicodeCompact } = await import('uqr');
  const lines = renderUnicodeCompact(url, { border: 2 }).split('\n');
  return lines.map((line) => `\u001b[97;40m${line}\u001b[0m`).join('\n');
}
