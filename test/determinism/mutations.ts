/**
 * Mistakes to put into the sandbox. Each takes one closure away, or gets one thing wrong that somebody might get wrong;
 * the gate in `checks.ts` has to catch every one. The first ones belong to the rows of the table of sources.
 */
import type { Mutation } from './test-build.ts';

export interface Mutant {
  readonly name: string;
  /** The row of the table that it opens again. */
  readonly row?: string;
  readonly mutation: Mutation;
}

const FUNCTION = 'function-rewriter.ts';
const MERGED = 'merged-charges.ts';
const METER = 'meter.ts';
const UNROLL = 'unroll.ts';
const HOST = 'wasi/host.ts';
const MEMORY = 'wasi/memory.ts';

function change(name: string, file: string, find: string, replace: string, row?: string): Mutant {
  return { name, mutation: { file, find, replace }, ...(row === undefined ? {} : { row }) };
}

function changes(file: string, list: readonly (readonly [name: string, find: string, replace: string])[]): Mutant[] {
  return list.map(([name, find, replace]) => change(name, file, find, replace));
}

export const ROW_MUTANTS: readonly Mutant[] = [
  change(
    'NaNs stay as the engine makes them',
    FUNCTION,
    'if (instruction.makesNan !== undefined && this.#observedNans.has(decoded.start)) {',
    'if (instruction.makesNan === undefined && this.#observedNans.has(decoded.start)) {',
    'NaN sign and payload',
  ),
  change(
    'every NaN is made canonical at stores, masks too',
    'instructions.ts',
    "define(simd, [...range(35, 76), ...range(214, 219)], 'simd comparison', 'none', BINARY, SIMD);",
    "define(simd, [...range(35, 76), ...range(214, 219)], 'simd comparison', 'none', BINARY, { ...SIMD, makesNan: 'f32x4' });",
    'NaN sign and payload',
  ),
  change(
    'constants stay where the compiler sees them',
    FUNCTION,
    'if (hidden !== undefined) this.#throughLocal(this.#temporary(hidden));',
    '',
    'constants that are computed with',
  ),
  change(
    'a shift by any constant is trusted',
    'misfolded.ts',
    'const SHIFTS_RIGHT_MAX = 31;',
    'const SHIFTS_RIGHT_MAX = 63;',
    'constants that are computed with',
  ),
  change(
    'instructions nobody knows are let through',
    'instructions.ts',
    'if (instruction === undefined) throw refuseOpcode(opcode, into.code, into.start);',
    'if (instruction === undefined) { into.instruction = base[1]!; return; }',
    'unknown proposals',
  ),
  change(
    'a shared memory is let through',
    'module.ts',
    "if ((flags & 2) !== 0) throw forbidFeature('threads (a shared memory)');",
    '',
    'unknown proposals',
  ),
  change(
    'the memory keeps the maximum it declares',
    METER,
    'Math.min(memoryPagesMax, module.memory?.maximum ?? memoryPagesMax)',
    'module.memory?.maximum ?? 65_536',
    'memory.grow',
  ),
  change(
    'a growth this machine has no memory for is a trap',
    METER,
    'out.put(0x41, 1, 0x24).u32(this.#failureGlobal).put(0x00, 0x0b);',
    'out.put(0x00, 0x0b);',
    'memory.grow',
  ),
  change(
    'no limit on the stack',
    FUNCTION,
    'out.byte(0x41).signed(STACK_SLOTS_MAX).put(0x4b, 0x04, 0x40, 0x00, 0x0b);',
    'out.put(0x1a);',
    'stack overflow depth',
  ),
  change(
    'frames are counted, not their size',
    FUNCTION,
    'return FRAME_SLOTS + parameters + locals + this.#heldStores.slots + stack;',
    'return FRAME_SLOTS;',
    'stack overflow depth',
  ),
  change(
    "the engine's words are part of the result",
    'task.ts',
    'if (error instanceof WebAssembly.RuntimeError) return this.ended(TRAP.trap);',
    `if (error instanceof WebAssembly.RuntimeError)
      return { ...this.ended(TRAP.trap), output: new TextEncoder().encode(error.message) };`,
    'trap texts',
  ),
  change(
    'memory is read after a trap',
    'task.ts',
    'if (error instanceof WebAssembly.RuntimeError) return this.ended(TRAP.trap);',
    'if (error instanceof WebAssembly.RuntimeError) return { ...this.output(), trap: TRAP.trap };',
    'memory after a trap',
  ),
  change(
    'imports are let through',
    'module.ts',
    'NO_IMPORTS: ImportPolicy = ({ module, name }) => {',
    'NO_IMPORTS: ImportPolicy = ({ module, name }) => {\n  if (name !== undefined) return;',
    'imports, clock, random',
  ),
  change(
    'programs may import what is not WASI',
    'wasi/table.ts',
    'if (module !== WASI_MODULE) refuse(',
    "if (module === '') refuse(",
    'imports, clock, random',
  ),
  change(
    'the clock of programs goes on',
    HOST,
    '(clock === 0 ? REAL_TIME : 0n)',
    '(clock === 0 ? BigInt(Date.now()) * 1_000_000n : 0n)',
    'imports, clock, random',
  ),
  change(
    'programs get random bytes that nobody else gets',
    HOST,
    'new RandomStream(sha256, taskInput(parameters, input))',
    'new RandomStream(sha256, crypto.getRandomValues(new Uint8Array(32)))',
    'imports, clock, random',
  ),
  change(
    'random bytes are the same for every task',
    HOST,
    'new RandomStream(sha256, taskInput(parameters, input))',
    'new RandomStream(sha256, parameters)',
    'imports, clock, random',
  ),
  change(
    'pointers of programs are not checked',
    MEMORY,
    'if (start + length > this.#bytes.length) throw new Fault();',
    '',
    'imports, clock, random',
  ),
  change('calls of the host are free', HOST, 'this.#charge(WASI_FUEL.call);', '', 'imports, clock, random'),
  change(
    'the start function is not called',
    'instance.ts',
    "for (const name of [START_EXPORT, '_initialize', '_start'])",
    "for (const name of ['_initialize', '_start'])",
    'start function',
  ),
  change(
    'fuel is set after the start function',
    'task.ts',
    'function begins(kernel: KernelInstance): boolean {\n  kernel.start();',
    `function begins(kernel: KernelInstance): boolean {
  const budget = kernel.fuel;
  kernel.fuel = 2n ** 30n;
  kernel.start();
  kernel.fuel = budget;`,
    'start function',
  ),
  change(
    'bulk operations cost the same at any length',
    FUNCTION,
    'if (prefix === 0xfc && code >= 8) this.#bulk(code);',
    '',
    'bulk memory operations',
  ),
  change(
    'table.copy costs the same at any length',
    FUNCTION,
    'const isTable = code === 12 || code === 14;',
    'const isTable = false;',
    'bulk memory operations',
  ),
  change(
    'an instance that cannot be made is a trap',
    'instance.ts',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a line of the source as it stands there.
    "throw new SandboxFailure('out-of-memory', `no instance of the kernel: ${textOf(error)}`);",
    "throw new WebAssembly.RuntimeError('no instance');",
    'no memory, wall clock',
  ),
  change(
    'nothing is stopped by the wall clock',
    'worker-queue.ts',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a line of the source as it stands there.
    "this.kill('wall-clock', `it took longer than ${wallClockMaxMs / 1_000} s and was stopped`),",
    'undefined,',
    'no memory, wall clock',
  ),
];

export const OTHER_MUTANTS: readonly Mutant[] = [
  // Where charges stand.
  change(
    'a block is charged one too little',
    FUNCTION,
    'this.#charge(out, this.#cost);',
    'this.#charge(out, this.#cost - 1);',
  ),
  change('a taken branch is not charged', MERGED, 'return this.#taken.get(k) ?? 0;', 'return 0 * k;'),
  change('a skipped if is not charged', MERGED, 'return this.#skipped.get(k) ?? 0;', 'return 0 * k;'),
  change(
    'what is given back is taken once more',
    MERGED,
    'const amount = this.#surplus[point(to)]! - this.#surplus[2 * from + 1]!;',
    'const amount = Math.abs(this.#surplus[point(to)]! - this.#surplus[2 * from + 1]!);',
  ),
  change('the surplus at loops is free', MERGED, 'for (const block of settled) tree.join(0, 2 * block, 0);', ''),
  change(
    'a round that begins with a block is not looked at',
    FUNCTION,
    "if (decoded.instruction.name === 'block') return true;\n        this.#endBlock();",
    "if (decoded.instruction.name === 'block') {\n          this.#checked = false;\n          return true;\n        }\n        this.#endBlock();",
  ),
  change('a branch out of an unrolled loop is charged', UNROLL, 'this.#added.add(out.length);', ''),
  change('labels in an unrolled loop stay', UNROLL, 'value > depth ? value + moved : value', 'value'),
  change(
    'the last round of an unrolled loop leaves as the others do',
    UNROLL,
    'this.#round(loop, 1);',
    'this.#round(loop, 2);',
  ),
  change('the surplus at the end is free', MERGED, 'tree.join(0, exit, 0);', ''),
  change(
    'a block may hold more than is used when it calls',
    MERGED,
    'return surplus >= 0 && surplus <= left + rest;',
    'return surplus >= 0;',
  ),
  change(
    'a block may owe fuel when it calls',
    MERGED,
    'return surplus >= 0 && surplus <= left + rest;',
    'return surplus <= left + rest;',
  ),
  change(
    'br_table has one target',
    MERGED,
    'for (const label of labels!) this.#branch',
    'for (const label of labels!.slice(0, 1)) this.#branch',
  ),
  change(
    'what stands behind a call into the host is charged ahead',
    FUNCTION,
    'if (this.#module.imports.length > 0) this.#endBlock();',
    'if (this.#module.imports.length > 0 && this.#charges !== undefined) this.#endBlock();',
  ),
  change(
    'behind a call into the host there may be a surplus',
    MERGED,
    'this.#next(block.frequency);\n          this.#settled.push(this.#current);',
    'this.#next(block.frequency);',
  ),
  change('locals are free in the merged mode', MERGED, 'Math.ceil(declared / weights.localsPerFuel)', '0'),
  change(
    'calls are not where fuel is put back',
    MERGED,
    "case 'call':\n      case 'call_indirect':\n",
    "case 'call_indirect':\n",
  ),
  change(
    'fuel of two paths is found by the first',
    MERGED,
    'this.#offset[at] = this.#offset[at]! + this.#offset[this.#parent[at]!]!;',
    '',
  ),
  // Where fuel and depth go.
  change(
    'loops are not checked',
    FUNCTION,
    "this.#checked = decoded.instruction.name === 'loop';",
    'this.#checked = false;',
  ),
  change(
    'functions are not checked on entry',
    FUNCTION,
    'this.#declareLocals(out);\n    if (this.#calls) this.#trapWithoutFuel(out);',
    'this.#declareLocals(out);',
  ),
  change(
    'calls one after the other are not checked',
    FUNCTION,
    'if (this.#unchecked.call(decoded)) this.#trapWithoutFuel(out);',
    '',
  ),
  change(
    'functions are not checked at their end',
    FUNCTION,
    'if (this.#calls && this.#unchecked.isLong) this.#trapWithoutFuel(out);',
    '',
  ),
  change(
    'what runs unchecked is found on one way only',
    'unchecked-run.ts',
    'this.#length = Math.max(this.#length, behind, openIf ? before : 0);',
    'this.#length = Math.max(this.#length, behind);',
  ),
  change(
    'an indirect call is taken to call nothing',
    'unchecked-run.ts',
    'code === 0x11 ? this.#sizes.ofType(first) :',
    'code === 0x11 ? 0 :',
  ),
  change(
    'fuel is not put back before calls',
    FUNCTION,
    'const out = this.#block;\n    this.#putFuelBack(out);',
    'const out = this.#block;',
  ),
  change(
    'fuel is not taken back after a call',
    FUNCTION,
    'out.byte(0x21).u32(this.#fuel);\n    }\n    // Here',
    'out.byte(0x1a);\n    }\n    // Here',
  ),
  change(
    'fuel is not put back at the end',
    FUNCTION,
    'this.#putBody(out);\n    this.#putFuelBack(out);',
    'this.#putBody(out);',
  ),
  change(
    'depth is not taken back at the end',
    FUNCTION,
    'if (counted) out.byte(0x23).u32(depthGlobal).byte(0x41).signed(slots).byte(0x6b).byte(0x24).u32(depthGlobal);',
    '',
  ),
  change(
    'depth is not added up',
    FUNCTION,
    'out.byte(0x20).u32(this.#depth).byte(0x41).signed(slots).byte(0x6a).byte(0x22).u32(this.#depth);',
    'out.byte(0x41).signed(slots);',
  ),
  change('locals are moved by one too few', FUNCTION, '? local : local + 2;', '? local : local + 1;'),
  change(
    'return leaves one block only',
    FUNCTION,
    'this.#block.byte(0x0c).u32(this.#frames.length);',
    'this.#block.byte(0x0c).u32(0);',
  ),
  change(
    'growth is free',
    METER,
    'out.put(0x20, 0, 0xad, 0x42).signed(this.#weights.page).byte(0x7e)',
    'out.put(0x20, 0, 0xad, 0x42).signed(0).byte(0x7e)',
  ),
  change(
    'a charge never traps',
    METER,
    'put(0x42, 0, 0x53, 0x04, 0x40, 0x00, 0x0b, 0x0b);',
    'put(0x42, 0, 0x53, 0x04, 0x40, 0x0b, 0x0b);',
  ),
  change('the host calls past the wrapper', METER, 'u32(this.#wrappers.get(start) ?? start)', 'u32(start)'),
  change(
    'the wrapper keeps the fuel',
    METER,
    'return out.byte(0x24).u32(fuelGlobal).byte(0x0b);',
    'return out.byte(0x1a).byte(0x0b);',
  ),
  // NaNs.
  change('NaNs in locals are not followed', 'nan-flow.ts', 'this.#spread();', ''),
  change('NaNs that are copied twice are not followed', 'nan-flow.ts', 'open.push(source);', ''),
  change(
    'what a local holds is known for ever',
    'nan-flow.ts',
    'this.#held.clear();\n    this.#stack.length = frame.height;',
    'this.#stack.length = frame.height;',
  ),
  change(
    'what a local holds is known in the next round',
    'nan-flow.ts',
    "if (instruction.name === 'loop') this.#held.clear();",
    '',
  ),
  change(
    'a select hands nothing on',
    'nan-flow.ts',
    'origins.push({ source: operand, ...passage });',
    'if (decoded.code !== 0x1b) origins.push({ source: operand, ...passage });',
  ),
  change(
    'calls do not look at NaNs',
    'nan-flow.ts',
    'this.#consume(type.parameters.length, ALL);\n    this.#push(type.results.length);',
    'this.#consume(type.parameters.length, 0);\n    this.#push(type.results.length);',
  ),
  change('branches do not look at NaNs', 'nan-flow.ts', 'this.#consume(length, ALL);', 'this.#consume(length, 0);'),
  change('an f32 lane is not seen through an f64', 'nan-flow.ts', ': BIT[instruction.ignoresNanBits];', ': ALL;'),
  change(
    'lanes of another shape are handed on too',
    'nan-flow.ts',
    'this.#see(operand, ALL & ~(passage?.takes ?? 0));',
    'if (passage === undefined) this.#see(operand, ALL);',
  ),
  change(
    'a shuffle of any bytes hands NaNs on',
    'nan-passage.ts',
    'from % size === at % size && from - (at % size) === order[at - (at % size)]',
    'from >= 0 && at < size + VECTOR_BYTES',
  ),
  change('any mask keeps NaNs', 'nan-passage.ts', 'if (code === 78 ? ', 'if (code === 0 ? '),
  change('a mask of halves of lanes keeps NaNs', 'nan-passage.ts', 'lane += size) {', 'lane += 2 * size) {'),
  change('the sign of a NaN alone is nothing to look at', 'nan-passage.ts', '!(isZero && high === 0)', '!isZero'),
  change(
    'copysign does not look at the sign of a NaN',
    'nan-passage.ts',
    '[0xa6, [same(BIT.f64), undefined]],',
    '[0xa6, [same(BIT.f64), same(BIT.f64)]],',
  ),
  change(
    'a lane that is read is not seen in the vector',
    'nan-passage.ts',
    '[33, [asOther(BIT.f64x2, BIT.f64)]],',
    '[33, [asOther(BIT.f64x2, 0)]],',
  ),
  ...changes('held-stores.ts', [
    ['nothing ends what is held', 'if (prefix === 0) return code < 0x1a ||', 'if (prefix === 0) return code < 0 ||'],
    ['loads do not end what is held', '(code >= 0x28 && code <= 0x40)', '(code >= 0x36 && code <= 0x40)'],
    ['stores do not end what is held', '(code >= 0x28 && code <= 0x40)', '(code >= 0x28 && code <= 0x35)'],
    ['copies do not end what is held', 'return code >= 8;', 'return code > 99;'],
    ['vectors do not end what is held', 'return code <= STORE ||', 'return code < STORE ||'],
    ['loads of lanes do not end what is held', '(code >= 84 && code <= 93)', '(code >= 84 && code <= 91)'],
    ['the last vector held is looked at', 'if (index > 0) putSum(out, shape);', 'if (index > 0) out.put(0x1a);'],
    ['vectors are stored again in the opposite order', 'of this.#held) {', 'of [...this.#held].reverse()) {'],
    [
      'shapes are looked at together',
      'if (shape !== this.#shape || this.#held.length === HELD_MAX)',
      'if (this.#held.length === HELD_MAX)',
    ],
  ]),
  change('the canonical NaN has a sign', 'nan.ts', '0xf8, 0x7f];', '0xf8, 0xff];'),
  change(
    'sqrt is taken to make no NaN',
    'instructions.ts',
    "'f64.sqrt', 'none', UNARY, { ...SCALAR_F64, ",
    "'f64.sqrt', 'none', UNARY, { ignoresNanBits: 'f64', ",
  ),
  // What is let in.
  change(
    'the engine is not asked whether a module is valid',
    'module.ts',
    'if (!WebAssembly.validate(bytes as Uint8Array<ArrayBuffer>)) {',
    'if (bytes.length === 0) {',
  ),
  change('functions are valid if the engine says so', 'module.ts', 'validateFunctions(module);', ''),
  change(
    'names of exports are free',
    'module.ts',
    'if (name.startsWith(RESERVED_EXPORT)) {',
    'if (name === RESERVED_EXPORT) {',
  ),
  change('segments may lie outside', 'module.ts', 'if ((offset >>> 0) + length > size) {', 'if (length > size) {'),
  change('locals are not bounded', 'module.ts', 'if (localCount > LOCALS_MAX) {', 'if (localCount > 2 ** 32) {'),
  change(
    'tables are not bounded',
    'module.ts',
    'if (this.#tables.reduce((sum, size) => sum + size, 0) > TABLE_ELEMENTS_MAX) {',
    'if (this.#tables.length > 1_000) {',
  ),
  change('a table may be as large as it says', 'module.ts', 'if (maximum > TABLE_MAXIMUM_MAX) {', 'if (maximum < 0) {'),
  // What is saved at step boundaries, and put back between tasks.
  ...changes('saved-globals.ts', [
    [
      'one global is forgotten',
      '(mutable ? [{ index, type }] : [])',
      '(mutable && index !== 2 ? [{ index, type }] : [])',
    ],
    ['the second half of a v128 is the first', 'u32(index).put(0xfd, 29, 1);', 'u32(index).put(0xfd, 29, 0);'],
    ['words of globals are put back in the wrong place', 'word += words;', 'word += 1;'],
    ['fuel is not saved', 'return [...kernel, ...own].map', 'return [...kernel, ...own.slice(1)].map'],
  ]),
  change('dropped segments are not thought of', 'module.ts', "'elem.drop', 'data.drop']);", "'elem.drop']);"),
  change(
    'tables that are written are not thought of',
    'module.ts',
    "new Set(['table.init', 'table.copy', ",
    "new Set(['table.init', ",
  ),
  change(
    'the last block of memory is not saved',
    'memory-image.ts',
    'at < all.length; at += BLOCK_BYTES',
    'at < all.length - BLOCK_BYTES; at += BLOCK_BYTES',
  ),
  change(
    'what a fresh instance has stays under what was saved',
    'memory-image.ts',
    'for (const { at, end } of nonZeroSpans(fresh, fresh.length)!) fresh.fill(0, at, end);',
    '',
  ),
  change('memory does not grow to what was saved', 'memory-image.ts', 'if (missing > 0) memory.grow(missing);', ''),
  ...changes('instance.ts', [
    ['a reset leaves memory as it is', 'all.fill(0);', ''],
    ['a reset puts no segments back', 'putRanges(all, initial.memory.ranges);', ''],
    ['a reset leaves globals as they are', 'this.#setGlobals(initial.globals);\n    return true;', 'return true;'],
    ['an instance that has grown is reset', 'if (all.length !== initial.memory.pages * PAGE_BYTES) return false;', ''],
  ]),
  change(
    'a task that goes on is given its fuel again',
    'task.ts',
    'kernel.restore(from.instance);',
    'kernel.restore(from.instance);\n    this.#run.refuel();',
  ),
  change(
    'a unit that goes on counts the fuel of the rest only',
    'unit.ts',
    'from.outputs.length === 0 ? 0 : totalFuel(from.leaves)',
    '0 * from.outputs.length',
  ),
];

export const MUTANTS: readonly Mutant[] = [...ROW_MUTANTS, ...OTHER_MUTANTS];
