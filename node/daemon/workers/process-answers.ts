/**
 * Checks what comes out of the sandbox process, as what comes from any stranger is checked: should a kernel ever get
 * hold of that process, all it can say is a wrong result, as any other peer can.
 */
import { z } from 'zod';
import { toHex } from '../../protocol/bytes.ts';
import { BLOCK_BYTES_MAX, TASKS_PER_UNIT_MAX } from '../../protocol/limits.ts';
import { LEAF_BYTES } from '../../protocol/trust/commitment.ts';
import { digestOf } from '../../protocol/wire/block.ts';
import type { Sha256 } from '../../sandbox/index.ts';
import type { FromSandbox } from './process-messages.ts';

/** A text for people. */
const words = z.string().max(16_384);
const code = z.string().max(64);
const bytesUpTo = (max: number) => z.instanceof(Uint8Array).refine((bytes) => bytes.length <= max);
const count = z.int().min(0);

const execution = z.looseObject({
  leaves: bytesUpTo(TASKS_PER_UNIT_MAX * LEAF_BYTES),
  merkleRoot: z.string().regex(/^([0-9a-f]{64})?$/),
  fuel: count,
  output: z.looseObject({ cid: z.string().max(128), bytes: bytesUpTo(BLOCK_BYTES_MAX) }).optional(),
  wallClockMs: z.number().min(0),
});

const outcome = z.discriminatedUnion('ok', [
  z.looseObject({ ok: z.literal(true), execution, note: z.string().max(8_192).optional() }),
  z.looseObject({ ok: z.literal(false), code, detail: words }),
]);

const report = z.looseObject({ byteLength: count, hasReduce: z.boolean(), exports: z.array(z.string()) });

const answer = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('outcome'), outcome }),
  z.looseObject({ type: z.literal('report'), report }),
  z.looseObject({ type: z.literal('output'), output: z.instanceof(Uint8Array) }),
  z.looseObject({ type: z.literal('error'), name: code, code, message: words }),
]);

const key = z.looseObject({ job: z.string().max(128), unit: count, task: count.optional() });

const wish = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('block'), cid: z.string().max(128) }),
  z.looseObject({ type: z.literal('get-checkpoint'), key }),
  z.looseObject({ type: z.literal('put-checkpoint'), key, bytes: z.instanceof(Uint8Array) }),
  z.looseObject({ type: z.literal('drop-checkpoint'), key }),
]);

const message = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('ready') }),
  z.looseObject({ type: z.literal('pong') }),
  z.looseObject({ type: z.literal('answer'), id: count, answer }),
  z.looseObject({ type: z.literal('progress'), id: count, progress: z.looseObject({ resumedAt: z.number() }) }),
  z.looseObject({ type: z.literal('wish'), id: count, wish }),
  z.looseObject({ type: z.literal('closed') }),
  z.looseObject({
    type: z.literal('log'),
    level: z.enum(['debug', 'info', 'warn', 'error']),
    message: words,
    fields: z.record(z.string(), z.unknown()).optional(),
  }),
]);

/** Undefined where it is not what the sandbox says, or an output does not have the CID it is given out for. */
export function checkMessage(given: unknown, sha256: Sha256): FromSandbox | undefined {
  const checked = message.safeParse(given);
  if (!checked.success) return undefined;
  const said = checked.data as FromSandbox;
  if (said.type === 'answer' && said.answer.type === 'outcome' && said.answer.outcome.ok) {
    const { output } = said.answer.outcome.execution;
    if (output !== undefined && digestOf(output.cid) !== toHex(sha256(output.bytes))) return undefined;
  }
  return said;
}
