/** Entry of the demonstration's liar: `shoal` as it is, with an executor that lies. No flag of the product does this. */
import '../../node/runtime/polyfills.ts';
import { main } from '../../node/daemon/cli/program.ts';
import { nativeSha256 } from '../../node/daemon/workers/sha256.ts';
import { lyingExecutor } from './lying-executor.ts';

await main(process.argv, { executor: (pool) => lyingExecutor(pool, nativeSha256) });
