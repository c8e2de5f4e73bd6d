/**
 * An executor that computes honestly and then lies: in every second unit it changes one task's output, and builds
 * leaves, Merkle root and output block anew, so that the lie is consistent. Its peer, all of it the product's own
 * code, commits to the wrong root, reveals it, opens it when it is asked to, and believes it when it checks itself.
 * Nothing but running that task on another machine can tell.
 */
import { toHex } from '../../node/protocol/bytes.ts';
import type { Execution, ExecutionRequest } from '../../node/protocol/effect.ts';
import type { Digest } from '../../node/protocol/ids.ts';
import { LEAF_BYTES, leafAt, merkleRoot, packLeaf, unpackLeaves } from '../../node/protocol/trust/commitment.ts';
import { cidFromDigest, decodeUnitOutput, encodeUnitOutput } from '../../node/protocol/wire/block.ts';
import type { Executor } from '../../node/runtime/environment.ts';
import type { Sha256 } from '../../node/sandbox/index.ts';

export function lyingExecutor(honest: Executor, sha256: Sha256): Executor {
  const liar = new Liar(sha256);
  return {
    execute: (ticket, request, done) =>
      honest.execute(ticket, request, (outcome) =>
        done(outcome.ok ? { ok: true, execution: liar.tell(outcome.execution, request) } : outcome),
      ),
    cancel: (ticket, keep) => honest.cancel(ticket, keep),
    close: () => honest.close(),
  };
}

class Liar {
  readonly #sha256: Sha256;
  /** Wrong leaves told so far, by job, unit and task. */
  readonly #told = new Map<string, Uint8Array>();

  constructor(sha256: Sha256) {
    this.#sha256 = sha256;
  }

  tell(execution: Execution, { job, unit, task, taskCount }: ExecutionRequest): Execution {
    if (execution.output === undefined) {
      const leaves = this.#told.get(`${job}/${unit}/${task}`);
      return leaves === undefined ? execution : { ...execution, leaves };
    }
    if (unit % 2 === 1) return execution;
    const wrongTask = unit % taskCount;
    const outputs = [...decodeUnitOutput(execution.output.bytes).outputs];
    const output = altered(outputs[wrongTask]!);
    outputs[wrongTask] = output;
    const leaves = execution.leaves.slice();
    const truth = unpackLeaves(leafAt(leaves, wrongTask))[0]!;
    const lie = packLeaf({ ...truth, outputHash: this.#digest(output) });
    leaves.set(lie, wrongTask * LEAF_BYTES);
    this.#told.set(`${job}/${unit}/${wrongTask}`, lie);
    const bytes = new Uint8Array(encodeUnitOutput({ leaves, outputs }));
    const cid = cidFromDigest(this.#digest(bytes), 'dag-cbor');
    return { ...execution, leaves, merkleRoot: merkleRoot(leaves), output: { cid, bytes } };
  }

  #digest(bytes: Uint8Array): Digest {
    return toHex(this.#sha256(bytes)) as Digest;
  }
}

/** One more or one less: the lowest bit of the last number is flipped where the output ends in a u64, as counts do. */
function altered(output: Uint8Array): Uint8Array {
  if (output.length === 0) return Uint8Array.of(1);
  const changed = output.slice();
  changed[Math.max(0, changed.length - 8)]! ^= 1;
  return changed;
}
