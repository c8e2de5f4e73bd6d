/**
 * `kernel.json`: what a person and a program need to know of a kernel in order to use it. Its parameters, how an
 * input becomes tasks, how the outputs become one result, and the limits that go into every job.
 *
 * This is the one place where its shape is written down; whoever reads the file gets errors that name file and key.
 */
import { z } from 'zod';
import {
  BLOCK_BYTES_MAX,
  FUEL_PER_TASK_MAX,
  MEMORY_PAGES_MAX,
  PURPOSE_BYTES_MAX,
  TASKS_PER_UNIT_MAX,
  TITLE_BYTES_MAX,
} from '../protocol/limits.ts';
import { ABI_VERSION, WASI_ABI_VERSION } from '../protocol/parameters.ts';
import { PLACEHOLDER } from './arguments.ts';
import { SdkError } from './error.ts';
import { issueLines, parseJson } from './issues.ts';
import { problemOfNumber } from './number.ts';

// A page's content security policy forbids code made of text, by which zod would speed up large inputs.
z.config({ jitless: true });

const identifier = z.string().regex(/^[a-zA-Z][a-zA-Z0-9]{0,31}$/, 'must be 1 to 32 letters and digits');
/** A number, or, for whole numbers beyond 2^53, a string of digits. */
const numeral = z.union([z.number(), z.string().regex(/^-?\d{1,20}$/, 'must be a number or a string of digits')]);
const positive = z.int().min(1);

const argument = z
  .strictObject({
    name: identifier,
    type: z.enum(['u32', 'u64', 'i32', 'f64']),
    /** Without it, the argument must be given. */
    default: numeral.optional(),
    min: numeral.optional(),
    max: numeral.optional(),
    description: z.string().min(1),
  })
  .superRefine((value, context) => {
    for (const key of ['default', 'min', 'max'] as const) {
      if (value[key] === undefined) continue;
      const problem = problemOfNumber(value.type, value[key]);
      if (problem !== undefined) context.addIssue({ code: 'custom', path: [key], message: problem });
    }
  });

const tasks = z.discriminatedUnion('from', [
  z.strictObject({
    from: z.literal('file'),
    split: z.enum(['paragraphs', 'lines', 'fasta', 'records', 'bytes', 'whole']),
    /** Bytes of the file in one task; more where a paragraph or line is longer. Not used by `whole`. */
    bytesPerTask: positive.optional(),
    /** Bytes of one record, or the name of a u32 argument that says it. For `records` only. */
    recordBytes: z.union([positive, identifier]).optional(),
    /**
     * A part of the file that every task gets, in front of its own: the `first` line, paragraph or FASTA record, or,
     * `counted`, as many bytes as the u32 says with which the file then begins.
     */
    head: z.enum(['first', 'counted']).optional(),
    /** Whether a task is told where in the file its part begins. */
    offset: z.boolean().optional(),
  }),
  z.strictObject({
    from: z.literal('range'),
    /** Names of two u64 arguments: the tasks cover start ≤ x < end. */
    start: identifier,
    end: identifier,
    /** Numbers in one task, and the most a submitter may choose instead. */
    step: positive,
    stepMax: positive,
  }),
  z.strictObject({
    from: z.literal('grid'),
    /** Names of two u32 parameters. */
    width: identifier,
    height: identifier,
    tileWidth: positive,
    tileHeight: positive,
  }),
]);

function utf8Length(text: string): number {
  return new TextEncoder().encode(text).length;
}

const shortText = (bytesMax: number) =>
  z
    .string()
    .min(1)
    .refine((text) => utf8Length(text) <= bytesMax, `must be at most ${bytesMax} bytes`);

/** A column by its name; one without a name by its number, from 0. For `u64` it is `value`, for `counts` `entry` and `count`. */
const column = z.string().min(1).max(64);
const plot = z.discriminatedUnion('kind', [
  /** A point for each row. `size` makes it larger, `slope` a line of that many y for each x. */
  z.strictObject({
    kind: z.literal('scatter'),
    x: column,
    y: column,
    size: column.optional(),
    slope: column.optional(),
  }),
  /**
   * A line through the rows of the result; of single `tasks`; or `merged`: of the first task, the first two, four, eight
   * and so on, to see a result converge. Rows of tasks also have `tasks` and, where tasks are parts of a range, `from`,
   * `to` and `middle`.
   */
  z.strictObject({
    kind: z.literal('line'),
    of: z.enum(['rows', 'tasks', 'merged']).default('rows'),
    x: column,
    y: column,
    /** Divides y by the numbers in the task's part of the range. */
    per: z.literal('number').optional(),
    /** Half the height of a band around the line. */
    error: column.optional(),
    reference: z.enum(['black-scholes', '1/ln x', 'π']).optional(),
    logX: z.boolean().optional(),
    xName: z.string().min(1).max(64).optional(),
    yName: z.string().min(1).max(64).optional(),
  }),
  /** The largest values, as bars with labels. */
  z.strictObject({ kind: z.literal('bars'), label: column, value: column }),
  /** A number line; rows where `marked` is not 0 stand out. */
  z.strictObject({ kind: z.literal('ticks'), x: column, marked: column, logX: z.boolean().optional() }),
  /** Small pictures, of the numbers in the bytes of a text column. Each row has one, or several if `side` is given. */
  z.strictObject({
    kind: z.literal('tiles'),
    values: z.union([column, z.int().min(0)]),
    type: z.enum(['u8', 'u16', 'u64', 'i64', 'f32']),
    /** Pixels to a side; by default the root of the number of values. */
    side: z.int().min(2).max(256).optional(),
    /** Name of the argument that says how many there are in a row. */
    count: identifier.optional(),
    label: column.optional(),
    value: column.optional(),
  }),
]);

const result = z.strictObject({
  join: z.enum(['reduce', 'concat', 'grid']),
  show: z.enum(['counts', 'u64', 'table', 'picture', 'bytes']),
  /** One value, which gets a colour, in 1 or 2 bytes; or 3 bytes: red, green and blue. */
  bytesPerPixel: z.union([z.literal(1), z.literal(2), z.literal(3)]).optional(),
  /** What each row of a `table` holds, in this order. A column without a name is for programs and is not shown. */
  columns: z
    .array(z.strictObject({ name: shortText(64).optional(), type: z.enum(['u32', 'u64', 'f64', 'hex', 'text']) }))
    .min(1)
    .optional(),
  /** How the result is drawn, where people would rather look. */
  plot: plot.optional(),
});

const pages = z.int().min(1).max(MEMORY_PAGES_MAX);
const fuel = z.int().min(1).max(FUEL_PER_TASK_MAX);

const limits = z.strictObject({
  fuelPerTaskMax: fuel,
  /** Pages of 64 KiB the module starts with; used by the build only. */
  memoryPagesInitial: z.int().min(0).max(MEMORY_PAGES_MAX).optional(),
  memoryPagesMax: pages,
  inputBytesPerTaskMax: positive.max(BLOCK_BYTES_MAX),
  outputBytesPerTaskMax: positive.max(BLOCK_BYTES_MAX),
  /** Steps of one shoal_step call. A WASI program has none. */
  stepQuantum: positive.max(2 ** 31 - 1).optional(),
  tasksPerUnit: positive.max(TASKS_PER_UNIT_MAX),
  /** For shoal_reduce, which runs in the submitter's own sandbox over many outputs at once. */
  reduce: z.strictObject({ fuelMax: fuel, memoryPagesMax: pages, outputBytesMax: positive.max(2 ** 30) }).optional(),
});

const shape = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9-]{0,63}$/, 'must be lower-case letters, digits and hyphens'),
  title: shortText(TITLE_BYTES_MAX),
  purpose: shortText(PURPOSE_BYTES_MAX),
  version: z.string().regex(/^\d+\.\d+\.\d+$/, 'must be like 1.0.0'),
  /** 1: a kernel of our own ABI; 2: a WASI preview1 program. */
  abi: z.literal([ABI_VERSION, WASI_ABI_VERSION]),
  /** Encoded in this order at the head of each task's input. */
  parameters: z.array(argument),
  /** Further arguments of a job, which only shape its tasks. */
  arguments: z.array(argument).optional(),
  /** Arguments of a WASI program, behind its name. `{name}` stands for the value of an argument of the job. */
  args: z.array(z.string().regex(/^[^\0]*$/, 'must not contain NUL')).optional(),
  tasks,
  result,
  limits,
  /** Time of one task on an ordinary core: `taskMs`, times the value of the parameter named by `times`. */
  expected: z.strictObject({ taskMs: z.number().positive(), times: identifier.optional() }),
});

const schema = shape
  .superRefine((value, context) => {
    const refuse = (path: (string | number)[], message: string): void => {
      context.addIssue({ code: 'custom', path, message });
    };
    const declared = [...value.parameters, ...(value.arguments ?? [])];
    declared.forEach((item, index) => {
      if (declared.findIndex((other) => other.name === item.name) !== index) {
        refuse(['parameters'], `declares ${item.name} twice`);
      }
    });
    refuseOtherAbi(value, refuse);
    const expectType = (path: string[], name: string, type: string): void => {
      const found = declared.find((item) => item.name === name);
      if (found === undefined) refuse(path, `names ${name}, which is neither a parameter nor an argument`);
      else if (found.type !== type) refuse(path, `names ${name}, which is ${found.type} and must be ${type}`);
    };
    const { tasks, result, expected } = value;
    if (tasks.from === 'file' && tasks.split !== 'whole' && tasks.bytesPerTask === undefined) {
      refuse(['tasks', 'bytesPerTask'], `is needed to split a file into ${tasks.split}`);
    }
    if (tasks.from === 'file') {
      if ((tasks.split === 'records') !== (tasks.recordBytes !== undefined)) {
        refuse(['tasks', 'recordBytes'], 'is needed exactly where split is "records"');
      }
      if (typeof tasks.recordBytes === 'string') expectType(['tasks', 'recordBytes'], tasks.recordBytes, 'u32');
      const hasFirst = tasks.split === 'lines' || tasks.split === 'paragraphs' || tasks.split === 'fasta';
      if (tasks.head === 'first' && !hasFirst) {
        refuse(['tasks', 'head'], 'can be "first" only of lines, paragraphs or fasta records');
      }
    }
    if (tasks.from === 'range') {
      expectType(['tasks', 'start'], tasks.start, 'u64');
      expectType(['tasks', 'end'], tasks.end, 'u64');
    }
    if (tasks.from === 'grid') {
      expectType(['tasks', 'width'], tasks.width, 'u32');
      expectType(['tasks', 'height'], tasks.height, 'u32');
    }
    if ((result.join === 'grid') !== (result.show === 'picture')) {
      refuse(['result', 'show'], 'must be "picture" exactly where join is "grid"');
    }
    if ((result.show === 'table') !== (result.columns !== undefined)) {
      refuse(['result', 'columns'], 'are needed exactly where show is "table"');
    }
    if (result.join === 'grid' && tasks.from !== 'grid') refuse(['result', 'join'], 'is "grid" but the tasks are not');
    if (result.join === 'grid' && result.bytesPerPixel === undefined) {
      refuse(['result', 'bytesPerPixel'], 'is needed to join a grid: 1, 2 or 3');
    }
    if (result.join === 'reduce' && value.limits.reduce === undefined) {
      refuse(['limits', 'reduce'], 'is needed where result.join is "reduce"');
    }
    checkPlot(value, refuse);
    if (expected.times !== undefined && !declared.some((item) => item.name === expected.times)) {
      refuse(['expected', 'times'], `names ${expected.times}, which is neither a parameter nor an argument`);
    }
  })
  .transform(({ limits, ...rest }) => ({ ...rest, limits: { ...limits, stepQuantum: limits.stepQuantum ?? 1 } }));

/** What belongs to one ABI only. */
function refuseOtherAbi(
  { abi, args = [], parameters, arguments: further = [], limits, result }: z.infer<typeof shape>,
  refuse: (path: (string | number)[], message: string) => void,
): void {
  if (abi === ABI_VERSION) {
    if (limits.stepQuantum === undefined) refuse(['limits', 'stepQuantum'], 'is needed where abi is 1');
    if (args.length > 0) refuse(['args'], 'are for WASI programs, where abi is 2; a kernel takes "parameters"');
    return;
  }
  if ((limits.stepQuantum ?? 1) !== 1)
    refuse(['limits', 'stepQuantum'], 'is left out where abi is 2: a program has no steps');
  if (result.join === 'reduce') refuse(['result', 'join'], 'cannot be "reduce" where abi is 2');
  if (parameters.length > 0) refuse(['parameters'], 'are for abi 1; declare "arguments" and name them in "args"');
  // Without arguments of its own a brace is a brace.
  if (further.length === 0) return;
  args.forEach((text, index) => {
    for (const [, name] of text.matchAll(PLACEHOLDER)) {
      if (!further.some((item) => item.name === name))
        refuse(['args', index], `names ${name}, which is not an argument`);
    }
  });
}

type Refuse = (path: (string | number)[], message: string) => void;
type PlottedManifest = Pick<z.infer<typeof schema>, 'parameters' | 'arguments' | 'tasks' | 'result'>;

/** A plot that names what is not there would be an empty one, and only after the work is done. */
function checkPlot({ parameters, arguments: others = [], tasks, result }: PlottedManifest, refuse: Refuse): void {
  const { plot, show, columns = [], join } = result;
  if (plot === undefined) return;
  const at = (key: string): (string | number)[] => ['result', 'plot', key];
  const known = new Map<string, string>(columns.map(({ name, type }, index) => [name ?? String(index), type]));
  if (show === 'u64') known.set('value', 'u64');
  if (show === 'counts') known.set('entry', 'text').set('count', 'u64');
  if (plot.kind === 'line' && plot.of !== 'rows') {
    known.set('tasks', 'u64');
    if (tasks.from === 'range') for (const name of ['from', 'to', 'middle']) known.set(name, 'u64');
    if (plot.of === 'merged' && join !== 'reduce') refuse(at('of'), 'can be "merged" only where join is "reduce"');
  }
  for (const [key, name] of Object.entries(plot)) {
    if (!PLOT_COLUMNS.has(key) || name === undefined) continue;
    const type = known.get(String(name));
    const isText = type === 'text' || type === 'hex';
    if (type === undefined)
      refuse(at(key), `names ${name}, which is no column; there are ${[...known.keys()].join(', ')}`);
    else if (key === 'values' ? type !== 'text' : isText && key !== 'label')
      refuse(at(key), `names ${name}, which is ${type}`);
  }
  if (plot.kind === 'line' && plot.per === 'number' && (plot.of !== 'tasks' || tasks.from !== 'range')) {
    refuse(at('per'), 'is for a line of tasks that are parts of a range');
  }
  if (
    plot.kind === 'tiles' &&
    plot.count !== undefined &&
    ![...parameters, ...others].some(({ name }) => name === plot.count)
  ) {
    refuse(at('count'), `names ${plot.count}, which is neither a parameter nor an argument`);
  }
}

const PLOT_COLUMNS: ReadonlySet<string> = new Set([
  'x',
  'y',
  'size',
  'slope',
  'error',
  'label',
  'value',
  'marked',
  'values',
]);

export type KernelManifest = z.infer<typeof schema>;
export type PlotSpec = NonNullable<KernelManifest['result']['plot']>;
export type ArgumentSpec = z.infer<typeof argument>;
export type Columns = NonNullable<KernelManifest['result']['columns']>;
export type BytesPerPixel = NonNullable<KernelManifest['result']['bytesPerPixel']>;
export type ArgumentType = ArgumentSpec['type'];

/** Reads the text of a `kernel.json`. Throws an SdkError `manifest-invalid` that names `fileName` and each bad key. */
export function parseManifest(text: string, fileName = 'kernel.json'): KernelManifest {
  const value = parseJson(text, fileName, (message) => new SdkError('manifest-invalid', message));
  return checkManifest(value, fileName);
}

export function checkManifest(value: unknown, fileName = 'kernel.json'): KernelManifest {
  const checked = schema.safeParse(value);
  if (checked.success) return checked.data;
  throw new SdkError('manifest-invalid', issueLines(fileName, checked.error.issues));
}
