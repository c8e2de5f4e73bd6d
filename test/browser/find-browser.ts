/**
 * Finds a Chromium for the tests. Nothing is downloaded here: `.ci/install-chromium.sh` installs Debian's. Without a
 * browser tests are skipped by a name that says so; where CI is set that is an error instead, so that nothing passes
 * silently.
 */
import { accessSync, constants } from 'node:fs';

const USUAL = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome-stable'];

/** Its path, or undefined. `SHOAL_CHROMIUM` comes before the usual places. Throws when there is none and CI is set. */
export function findBrowser(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): string | undefined {
  const { SHOAL_CHROMIUM: chosen, CI } = environment;
  const found = (chosen === undefined ? USUAL : [chosen]).find(isExecutable);
  if (found === undefined && CI !== undefined && CI !== '' && CI !== 'false') {
    throw new Error(`no Chromium found (${chosen ?? USUAL.join(', ')}): run .ci/install-chromium.sh`);
  }
  return found;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
