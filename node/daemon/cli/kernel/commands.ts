/** `shoal kernel …`: for people who write kernels, and for those who want to know what one may touch. */
import { type Command, Option } from 'commander';
import { newCommand, TEMPLATES, type Template } from './new.ts';

interface JsonFlag {
  readonly json?: true;
}

export function kernelCommands(program: Command): void {
  const kernel = program
    .command('kernel')
    .description('write, build, test and inspect kernels')
    .exitOverride()
    .helpCommand(false);
  const command = (name: string, description: string): Command =>
    kernel
      .command(name)
      .description(description)
      .exitOverride()
      .allowExcessArguments(false)
      .option('--json', 'answer as JSON');

  const templates = Object.entries(TEMPLATES).map(([name, what]) => `  ${name.padEnd(7)} ${what}`);
  command('new', 'make a folder with a kernel that works, to be changed; nothing is overwritten')
    .argument('<folder>', 'a new or empty one; its name becomes the name of the kernel')
    .addOption(new Option('--template <name>', 'what to begin with').choices(Object.keys(TEMPLATES)).default('reduce'))
    .addHelpText('after', `\nTemplates:\n${templates.join('\n')}`)
    .action((folder: string, flags: JsonFlag & { readonly template: Template }) =>
      newCommand(folder, { template: flags.template, json: flags.json === true }),
    );
  command('build', 'compile a kernel in place, if it has changed; mistakes are named with file and line')
    .argument('<folder>', 'with index.ts and kernel.json')
    .action(async (folder: string, flags: JsonFlag) => {
      const { buildCommand } = await import('./build.ts');
      await buildCommand(folder, { json: flags.json === true });
    });
  command('test', 'run a kernel on its vectors.json in the sandbox that volunteers have, and compare')
    .argument(
      '<kernel>',
      'folder (built first if it has changed), .wasm file with its manifest beside it, or built-in kernel',
    )
    .action(async (given: string, flags: JsonFlag) => {
      const { testCommand } = await import('./test.ts');
      await testCommand(given, { json: flags.json === true });
    });
  command(
    'inspect',
    'exactly what a kernel may touch: imports, memory, fuel, features, size, content id, who announced it',
  )
    .argument(
      '<kernel>',
      'file, folder or built-in kernel; or a content id or job that the daemon of the data folder knows',
    )
    .option('--data <folder>', 'data folder (default: ~/.local/share/shoal)')
    .option('--config <file>', 'configuration file (default: config.json in the data folder)')
    .action(async (given: string, flags: JsonFlag & { readonly data?: string; readonly config?: string }) => {
      const { inspectCommand } = await import('./inspect.ts');
      await inspectCommand(given, {
        sources: { flags: { dataFolder: flags.data }, environment: process.env, file: flags.config },
        json: flags.json === true,
      });
    });
}
