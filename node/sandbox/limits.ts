/**
 * Bounds on a kernel. They are consensus, like everything that decides whether a task can be run: each is below what any
 * engine bounds by itself, so that a module which passes them compiles everywhere, and one that does not is refused with
 * the same code everywhere. Together they bound what looking at a kernel, rewriting and compiling it may cost.
 *
 * Bounds of engines are those of V8 11 and 15, SpiderMonkey 153 and JavaScriptCore 2.50, and of the JavaScript interface
 * of WebAssembly ("Implementation-defined Limits").
 */
export const KERNEL_BYTES_MAX = 8 * 1024 * 1024;
/** Body of one function. The rewriter makes it at most 20 times larger and engines stop at 7,654,321 bytes. */
export const FUNCTION_BYTES_MAX = 256 * 1024;
/** Parameters and locals of one function; engines allow 50,000 and the rewriter needs a few. */
export const LOCALS_MAX = 49_990;
/** Of all functions. A compiler makes something of each, and a few bytes declare 49,990. */
export const LOCALS_TOTAL_MAX = 2_000_000;
/**
 * Slots of 8 bytes of one function's values: locals, and the highest stack of operands. SpiderMonkey stops at a frame of
 * 512 KiB, and a call that needs more than the stack's 24,000 slots traps anyway.
 */
export const FRAME_SLOTS_MAX = 50_000;
export const NESTING_MAX = 1_000;
/** Labels of one `br_table`; V8 stops there. */
export const BRANCH_LABELS_MAX = 65_520;
/** Parameters or results of a type; engines stop there. */
export const TYPE_VALUES_MAX = 1_000;
/** The same of a kernel whose functions pass fuel along, which takes two more. */
export const PASSED_VALUES_MAX = 990;
/**
 * Values that calls, blocks and branches of more than three values take and give, all together: twice as many as there are
 * bytes in the largest kernel. Two bytes may call what takes 1,000, and where nothing runs nobody has to push them.
 */
export const VALUES_MOVED_MAX = 2 * KERNEL_BYTES_MAX;
/** Types, functions, globals, exports or segments: each at most this many. Engines stop at 100,000 segments. */
export const ITEMS_MAX = 100_000;
/** The rewriter adds exports of its own, and engines stop at 100,000. */
export const EXPORTS_MAX = 10_000;
/** Bytes of one name; engines stop at 100,000. */
export const NAME_BYTES_MAX = 10_000;
/** Engines stop at 100,000, and each costs an allocation. */
export const TABLES_MAX = 100;
/** Of all tables; engines stop at 10,000,000 in one. */
export const TABLE_ELEMENTS_MAX = 1_000_000;
/**
 * The size a table says it may reach. None grows, because `table.grow` is refused, so this costs nothing; it is bounded
 * because the engines at hand take any number here, where others may hold it against their limit of 10,000,000.
 */
export const TABLE_MAXIMUM_MAX = 10_000_000;
/**
 * What the rewriter may make of a kernel: bounds the time and memory it takes to compile one. As much compiles in workers
 * of all these engines; the main thread of a page in Chromium takes no more than 8 MiB at once, and runs no kernels.
 */
export const METERED_BYTES_MAX = 48 * 1024 * 1024;
/** A little under what engines allow for one function. */
export const METERED_FUNCTION_BYTES_MAX = 7_500_000;
