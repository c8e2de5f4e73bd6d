import { createWorkerPool } from '../../node/daemon/workers/pool.ts';
import { silentLogger } from '../../node/runtime/log.ts';
import { describeExecutor } from '../contract/executor.ts';
import { assemble, kernel, sumKernel } from './kernels.ts';

const endlessKernel = kernel({ init: '(loop $forever (br $forever)) (i32.const 0)' });

describeExecutor('the pool of worker threads', (store) => ({
  executor: createWorkerPool({ cores: 2, blocks: store.blocks, logger: silentLogger }),
  kernel: assemble(sumKernel),
  endlessKernel,
}));
