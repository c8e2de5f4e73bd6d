/**
 * Entry of a peer that dies at the worst moment: `shoal` as it is, with a store that, once armed by SIGUSR2, lets n
 * synced writes succeed and kills the process (SIGKILL) right after the last of them. What was written is on disk;
 * what stood behind it, above all sending it, never happened. n is the environment variable CRASH_AFTER_WRITES.
 */
import '../../node/runtime/polyfills.ts';
import { main } from '../../node/daemon/cli/program.ts';
import type { Store } from '../../node/runtime/environment.ts';

let left = Number(process.env.CRASH_AFTER_WRITES ?? Number.NaN);
if (!Number.isSafeInteger(left) || left < 1) throw new Error('CRASH_AFTER_WRITES must be a whole number from 1 on');
let armed = false;
process.on('SIGUSR2', () => {
  armed = true;
});

await main(process.argv, { store: crashing });

function crashing(store: Store): Store {
  return {
    blocks: store.blocks,
    load: () => store.load(),
    close: () => store.close(),
    async write(writes, sync) {
      await store.write(writes, sync);
      if (!armed || !sync || --left > 0) return;
      process.kill(process.pid, 'SIGKILL');
      await new Promise(() => undefined);
    },
  };
}
