/** `shoal kernel new`: a folder with a kernel that works and is meant to be changed. It never overwrites anything. */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, join, relative, resolve } from 'node:path';
import { ShoalError } from '../../errors.ts';
import { KERNEL_SOURCES } from '../../installation.ts';
import { print, printJson } from '../output.ts';

/** Folders in `kernels/templates`, and what one is for. */
export const TEMPLATES = {
  map: 'one row for each block of numbers, put one after the other',
  reduce: 'a file in parts, whose results are merged into one',
  grid: 'a picture, tile by tile',
  sample: 'random samples from a seed, added up',
} as const;
export type Template = keyof typeof TEMPLATES;

/** What the commands of its README are given. */
const RUN: Readonly<Record<Template, string>> = {
  map: '--to 1e7',
  reduce: '--file README.md',
  grid: '--output picture.ppm',
  sample: '--samples 1e8',
};

const FILES = ['index.ts', 'kernel.json', 'vectors.json'] as const;

export interface NewOptions {
  readonly template: Template;
  readonly json: boolean;
}

/** Rejects with a ShoalError `usage` where there is something already, or the folder's name makes no name of a kernel. */
export async function newCommand(given: string, { template, json }: NewOptions): Promise<void> {
  const folder = resolve(given);
  const name = nameOf(folder);
  await refuseToOverwrite(folder, given);
  await mkdir(folder, { recursive: true });
  const written: string[] = [];
  const write = async (file: string, text: string): Promise<void> => {
    // `wx` fails where somebody has put a file in between.
    await writeFile(join(folder, file), text, { flag: 'wx' });
    written.push(file);
  };
  for (const file of FILES) {
    const text = await readFile(join(KERNEL_SOURCES, 'templates', template, file), 'utf8');
    await write(file, file === 'kernel.json' ? text.replace(`"name": "${template}"`, `"name": "${name}"`) : text);
  }
  await write('tsconfig.json', editorSettings(folder));
  await write('README.md', readme(given, name, template));
  if (json) return printJson({ kernel: name, folder, template, files: written });
  print(`${name}: ${TEMPLATES[template]}, in ${folder}`);
  print(`  ${written.join('  ')}`);
  print(`Build and test it:  shoal kernel build ${given} && shoal kernel test ${given}`);
  print(`Run it:             shoal run ${pathFor(given)} ${RUN[template].replace('README.md', `${given}/README.md`)}`);
}

function nameOf(folder: string): string {
  const name = basename(folder)
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^[^a-z]+|-+$/g, '')
    .slice(0, 64);
  if (name !== '') return name;
  throw new ShoalError(
    'usage',
    `${basename(folder)}: the name of a kernel begins with a letter. Choose another folder.`,
  );
}

async function refuseToOverwrite(folder: string, given: string): Promise<void> {
  let found: string[];
  try {
    found = await readdir(folder);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return;
    throw new ShoalError('usage', code === 'ENOTDIR' ? `${given} is a file. Choose another name.` : message);
  }
  if (found.length === 0) return;
  const some = found.slice(0, 3).join(', ') + (found.length > 3 ? ', …' : '');
  throw new ShoalError(
    'usage',
    `${given} has something in it already (${some}), and nothing is overwritten. Choose another folder.`,
  );
}

/** `shoal run` takes a bare word for a built-in kernel. */
function pathFor(given: string): string {
  return /[/\\]/.test(given) ? given : `./${given}`;
}

/** For editors only: the types of AssemblyScript and of the kernel SDK, where this installation has them. */
function editorSettings(folder: string): string {
  const types = createRequire(import.meta.url).resolve('assemblyscript/std/assembly.json');
  const from = (path: string): string => relative(folder, path).replaceAll('\\', '/');
  const sdk = from(join(KERNEL_SOURCES, 'sdk'));
  const paths = Object.fromEntries(['kernel', 'fft', 'math'].map((name) => [`shoal/${name}`, [`${sdk}/${name}.ts`]]));
  const settings = { extends: from(types), compilerOptions: { paths }, include: ['*.ts'] };
  return `// Only for editors, so that they know the types; the build does not read it.\n${JSON.stringify(settings, null, 2)}\n`;
}

function readme(given: string, name: string, template: Template): string {
  return `# ${name}

| file | |
| --- | --- |
| \`index.ts\` | the kernel: one task in, one output out |
| \`kernel.json\` | what it takes, how its input is cut, how outputs become a result, its limits |
| \`vectors.json\` | what it must compute, from sources other than itself |

    shoal kernel build ${given}
    shoal kernel test ${given}
    shoal run ${pathFor(given)} ${RUN[template].replace('README.md', `${given}/README.md`)}

Change \`index.ts\`, then \`vectors.json\` before you believe what it says. \`docs/KERNELS.md\` of Shoal explains every key.
`;
}
