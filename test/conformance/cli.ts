/** The command: reads its arguments, runs the scripts, prints, and gives the exit code. */
import { parseArgs } from 'node:util';
import { inspect, meter } from '../../node/sandbox/index.ts';
import { reportJson, reportText, totalOf } from './report.ts';
import { type FileReport, runScript } from './run-script.ts';
import { listScripts, readScript, SuiteError } from './script.ts';

const HELP = `usage: npm run conformance -- <folder> [--only text] [--json]

Runs every script of the WebAssembly test-suite in <folder> three times: the modules as they are, metered in the simple
placement, and metered in the merged one. Compares values bit for bit, traps, and fuel between the placements; what is
not a valid module has to be refused. <folder> holds the suite converted by wabt:

  git clone https://github.com/WebAssembly/testsuite && cd testsuite && git checkout e25ae1593
  mkdir converted && for f in *.wast; do wast2json "$f" -o "converted/\${f%.wast}.json"; done

  --only text   only scripts whose name contains the text
  --json        print the report as JSON
  --help        print this

Exits with 0 if nothing differs, 1 if anything does, 2 if there is no suite in <folder>.`;

export interface Output {
  print(text: string): void;
  complain(text: string): void;
  /** What is being done, for somebody who looks on; an empty text when it is over. */
  progress(text: string): void;
}

export function conformance(args: readonly string[], output: Output): number {
  try {
    return run(args, output);
  } catch (error) {
    const isUsage = error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
    if (!(error instanceof SuiteError) && !isUsage) throw error;
    output.complain(error.message);
    return 2;
  }
}

function run(args: readonly string[], { print, progress }: Output): number {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      only: { type: 'string', default: '' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    print(HELP);
    return 0;
  }
  const [folder, ...rest] = positionals;
  if (folder === undefined || rest.length > 0) throw new SuiteError(`one folder is wanted\n\n${HELP}`);
  const names = listScripts(folder).filter((name) => name.includes(values.only));
  if (names.length === 0) throw new SuiteError(`no script in ${folder} has "${values.only}" in its name`);
  const reports: FileReport[] = [];
  const began = performance.now();
  names.forEach((name, index) => {
    progress(`${index + 1} of ${names.length}: ${name}`);
    reports.push(runScript(readScript(folder, name), { inspect, meter }));
  });
  progress('');
  const seconds = (performance.now() - began) / 1_000;
  print(values.json ? reportJson(reports) : reportText(reports, seconds));
  return totalOf(reports).differences.length > 0 ? 1 : 0;
}
