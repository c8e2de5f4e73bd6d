/** Starts `provider.ts` from the compiled tree and talks with it. */
import { type ChildProcess, fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { PeerKey } from '../../../node/protocol/ids.ts';
import type { FromProvider, ProviderConfiguration, ProviderReady, ToProvider } from './messages.ts';

/** The repository's root, seen from the sources and from `dist/` alike. */
const ROOT = new URL(import.meta.url.includes('/dist/') ? '../../../../' : '../../../', import.meta.url);
const ENTRY = fileURLToPath(new URL('dist/test/support/network/provider.js', ROOT));

export interface ProviderProcess {
  readonly peer: PeerKey;
  readonly addresses: readonly string[];
  readonly child: ChildProcess;
  residentBytes(): Promise<number>;
  kill(signal: NodeJS.Signals): void;
}

/** `env` is added to the environment of this process. */
export async function startProvider(
  configuration: ProviderConfiguration,
  env: Readonly<Record<string, string>> = {},
): Promise<ProviderProcess> {
  if (!existsSync(ENTRY)) throw new Error(`${ENTRY} is missing: run npm run build first`);
  const child = fork(ENTRY, [JSON.stringify(configuration)], {
    execArgv: ['--expose-gc'],
    stdio: 'inherit',
    env: { ...process.env, ...env },
  });
  const ready = (await nextMessage(child, 'ready')) as ProviderReady;
  return {
    peer: ready.peer as PeerKey,
    addresses: ready.addresses,
    child,
    residentBytes: async () => {
      const answer = nextMessage(child, 'memory');
      child.send({ type: 'measure' } satisfies ToProvider);
      const message = await answer;
      return message.type === 'memory' ? message.residentBytes : Number.NaN;
    },
    kill: (signal) => {
      child.kill(signal);
    },
  };
}

function nextMessage(child: ChildProcess, type: FromProvider['type']): Promise<FromProvider> {
  return new Promise((resolve, reject) => {
    const onExit = () => reject(new Error('the provider process ended'));
    const onMessage = (message: FromProvider) => {
      if (message.type !== type) return;
      child.off('message', onMessage);
      child.off('exit', onExit);
      resolve(message);
    };
    child.on('message', onMessage);
    child.once('exit', onExit);
  });
}
