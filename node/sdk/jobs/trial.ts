/**
 * A job is tried on its owner's machine before anybody else hears of it: the first task and one from the middle. A
 * trap is told at once, and the time they take becomes what the network expects of a unit.
 */
import type { ExecutionRequest } from '../../protocol/effect.ts';
import type { JobId, Millis, Ticket } from '../../protocol/ids.ts';
import { TRAP, unpackLeaves } from '../../protocol/trust/commitment.ts';
import { tasksInUnit } from '../../protocol/work/job.ts';
import type { Clock, ExecutionOutcome, Executor } from '../../runtime/environment.ts';
import type { Logger } from '../../runtime/log.ts';
import { SdkError } from '../error.ts';
import type { PreparedJob } from '../prepare.ts';
import { TRAP_WORDS } from './join.ts';

export interface TrialParts {
  readonly executor: Pick<Executor, 'execute' | 'cancel'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Real time one trial may take. A task that needs longer is announced with at least this much. */
const TRIAL_MAX_MS = 3_000;
/** Time a trial may wait for a worker. */
const TRIAL_WAIT_MAX_MS = 1_000;
/** Above every ticket the state machine gives out. */
let nextTicket: Ticket = 2 ** 48;

/** A ticket of the owner's side, which no state machine gives out. */
export function newTicket(): Ticket {
  return nextTicket++;
}

/**
 * Kernel and inputs are kept already. Resolves to the expected time of a unit in ms, if it could be measured. Rejects
 * with an SdkError: `kernel-refused`, or `job-failed` where a task traps.
 */
export async function tryOut(prepared: PreparedJob, draft: JobId, parts: TrialParts): Promise<Millis | undefined> {
  const { request, unitInputs } = prepared;
  let slowestMs = 0;
  for (const unit of new Set([0, Math.floor(unitInputs.length / 2)])) {
    const outcome = await execute(parts, firstTaskOf(prepared, unit, draft));
    if (!outcome.ok) {
      const { code, detail } = outcome;
      if (code === 'kernel-refused') throw new SdkError('kernel-refused', detail);
      if (code === 'wall-clock') slowestMs = Math.max(slowestMs, TRIAL_MAX_MS);
      parts.logger.log('info', 'a task could not be tried here', { unit, code, detail });
      break;
    }
    const [leaf] = unpackLeaves(outcome.execution.leaves);
    if (leaf !== undefined && leaf.trap !== TRAP.none) {
      const task = unit * request.tasksPerUnit;
      throw new SdkError(
        'job-failed',
        `task ${task} was tried on this machine and ${TRAP_WORDS[leaf.trap]}${outcome.note === undefined ? '' : ` (${outcome.note})`}. Nothing was announced.`,
      );
    }
    slowestMs = Math.max(slowestMs, outcome.execution.wallClockMs);
  }
  return slowestMs === 0 ? undefined : Math.max(1, Math.ceil(slowestMs * request.tasksPerUnit));
}

function firstTaskOf({ request, unitInputs }: PreparedJob, unit: number, draft: JobId): ExecutionRequest {
  return {
    job: draft,
    unit,
    task: 0,
    taskCount: tasksInUnit(request, unit),
    kernel: request.kernel,
    abi: request.abi,
    metering: request.metering,
    stepQuantum: request.stepQuantum,
    parameters: request.parameters,
    unitInput: unitInputs[unit]!,
    fuelPerTaskMax: request.fuelPerTaskMax,
    memoryPagesMax: request.memoryPagesMax,
    outputBytesPerTaskMax: request.outputBytesPerTaskMax,
    wallClockMaxMs: TRIAL_MAX_MS,
  };
}

/** Gives up where all workers are busy with long units: a submission must not wait for somebody else's job. */
function execute({ executor, clock }: TrialParts, request: ExecutionRequest): Promise<ExecutionOutcome> {
  const ticket = newTicket();
  return new Promise((done) => {
    const disarm = clock.schedule(clock.now() + TRIAL_MAX_MS + TRIAL_WAIT_MAX_MS, () => executor.cancel(ticket));
    executor.execute(ticket, request, (outcome) => {
      disarm();
      done(outcome);
    });
  });
}
