/** The names other folders use. */
export { reduceInput, taskInput } from './abi.ts';
export { METERING, type ReduceLimits, type ReduceRequest, SandboxExecutor } from './executor.ts';
export type { MeterMode } from './function-rewriter.ts';
export { importsOf, inspect, type KernelReport } from './inspect.ts';
export { KERNEL_BYTES_MAX } from './limits.ts';
export { type MeterOptions, meter } from './meter.ts';
export { ReduceError, type ReduceFailureCode } from './reduce-error.ts';
export { type KernelRefusalCode, KernelRefusedError } from './refusal.ts';
export { runReduce, runTask, SandboxFailure, type TaskLimits, type TaskResult } from './task.ts';
export { runUnit, type Sha256, type UnitWork } from './unit.ts';
export { type ProgramResult, runProgram } from './wasi/program.ts';
