/**
 * `npm run bench`: figures of this machine and this moment; the ratios, measured side by side in one run, are what to
 * compare. Each measurement is a file of its own, with what it measures and what makes its figure void.
 */
import '../../node/runtime/polyfills.ts';
import { parseArgs } from 'node:util';
import { Interruption } from '../demonstration/interruption.ts';
import { Screen } from '../demonstration/screen.ts';
import { describeCrowd, measureCrowd } from './browser/crowd.ts';
import { describeHidden, type HiddenOptions, measureHidden } from './browser/hidden-tab.ts';
import { describeTab, measureTab } from './browser/tab.ts';
import { describeIsolation, measureIsolation } from './isolation.ts';
import { describeSteps, measureSteps } from './steps.ts';
import { describeVerification, measureVerification } from './verification.ts';

const HELP = `Usage: npm run bench -- [measurement] [options]

Takes minutes on a machine that does nothing else; workers have the lowest priority, so on a busy one it takes long and
tells little.

Measurements:
  verification   what a network of three peers (two workers, quorum 2) costs against two bare threads that run the same
                 wasm twice, and the latency of tiny jobs on four peers (default)
  tab            a volunteering tab against a volunteering daemon, two workers each, as a ratio; needs Chromium
  hidden         a tab that is really hidden against the same tab visible, as a ratio; needs Chromium and Xvfb
  isolation      the sandbox process against threads in the process of the peer: throughput, processor time and memory
  steps          a fresh instance of a kernel against one that is reset, and what a checkpoint takes
  crowd          20 tabs join one daemon and share a job, one more is turned away: how long it takes, memory of a tab
                 and of a connection; fails when they are not all connected within a minute; needs Chromium

Options:
  --rounds <n>        of tab and hidden: how often each side has its turn (default 9)
  --window <seconds>  of tab and hidden: how long a turn is measured (default 6)
  --long-hidden       of hidden: as a tab is treated that was hidden five minutes ago, not just now
  --json              the figures as JSON on stdout; progress goes to stderr
  --help              shows this`;

type Measure = (parts: MeasureParts) => Promise<{ report: object; lines: readonly string[] }>;

interface MeasureParts {
  readonly interruption: Interruption;
  readonly screen: Screen;
  readonly turns: HiddenOptions;
}

const MEASUREMENTS: Readonly<Record<string, Measure>> = {
  verification: printable(measureVerification, describeVerification),
  tab: printable(measureTab, describeTab),
  hidden: printable(measureHidden, describeHidden),
  crowd: printable(measureCrowd, describeCrowd),
  isolation: printable(measureIsolation, describeIsolation),
  steps: printable(measureSteps, describeSteps),
};
/** Those in which sides take turns. */
const WITH_TURNS = ['tab', 'hidden'];

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  let json: boolean;
  let measure: Measure | undefined;
  let turns: HiddenOptions;
  try {
    const options = {
      rounds: { type: 'string' },
      window: { type: 'string' },
      'long-hidden': { type: 'boolean' },
      json: { type: 'boolean' },
      help: { type: 'boolean' },
    } as const;
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
    if (values.help === true) {
      console.log(HELP);
      return 0;
    }
    json = values.json === true;
    const [name = 'verification', ...others] = positionals;
    measure = MEASUREMENTS[name];
    if (measure === undefined) throw new Error(`there is no measurement "${name}"`);
    if ((values.rounds ?? values.window) !== undefined && !WITH_TURNS.includes(name)) {
      throw new Error(`--rounds and --window are for ${WITH_TURNS.join(' and ')}, not for ${name}`);
    }
    const longHidden = values['long-hidden'] === true;
    if (longHidden && name !== 'hidden') throw new Error(`--long-hidden is for hidden, not for ${name}`);
    const windowMs = 1_000 * whole('--window', values.window ?? '6');
    turns = { rounds: whole('--rounds', values.rounds ?? '9'), windowMs, longHidden };
    if (others.length > 0) throw new Error(`one measurement at a time, not "${positionals.join(' ')}"`);
  } catch (error) {
    console.error(`npm run bench: ${(error as Error).message}\n"npm run bench -- --help" shows what there is.`);
    return 2;
  }
  const screen = new Screen(json ? process.stderr : process.stdout);
  const interruption = new Interruption(() => screen.done());
  try {
    const { report, lines } = await measure({ interruption, screen, turns });
    screen.done();
    if (json) console.log(JSON.stringify(report, undefined, 2));
    else for (const line of lines) screen.line(line);
    return 'failures' in report && (report.failures as readonly string[]).length > 0 ? 1 : 0;
  } catch (error) {
    await interruption.passed();
    screen.done();
    console.error(error);
    return 1;
  }
}

function whole(option: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= 3_600) return value;
  throw new Error(`${option} takes a whole number from 1 to 3600, not "${text}"`);
}

function printable<T extends object>(
  measure: (interruption: Interruption, screen: Screen, turns: HiddenOptions) => Promise<T>,
  describe: (report: T) => readonly string[],
): Measure {
  return async ({ interruption, screen, turns }) => {
    const report = await measure(interruption, screen, turns);
    return { report, lines: describe(report) };
  };
}
