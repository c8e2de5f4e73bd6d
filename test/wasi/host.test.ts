/** The host's functions one by one: what they answer, what they charge, and what a hostile program gets for its pointers. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { ProgramEnd, WasiHost } from '../../node/sandbox/wasi/host.ts';
import { ProgramMemory } from '../../node/sandbox/wasi/memory.ts';
import {
  ANSWERED,
  DENIED,
  ERRNO,
  ITEMS_IN_CALL_MAX,
  REAL_TIME,
  STDERR_KEPT_BYTES,
  WASI_FUEL,
  WASI_MODULE,
} from '../../node/sandbox/wasi/table.ts';

const sha256 = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest();
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const PAGE = 65_536;
const FUEL = 10_000_000_000;
const LIST = 128;

type Call = (...parameters: (number | bigint)[]) => number;

interface Setup {
  readonly call: Record<string, Call>;
  readonly host: WasiHost;
  readonly memory: WebAssembly.Memory;
  readonly view: () => DataView;
  readonly bytes: (address: number, length: number) => Uint8Array;
  readonly charged: (use: () => unknown) => number;
  readonly buffers: (...items: readonly (readonly [address: number, length: number])[]) => void;
}

function setup({ parameters = '', input = '', fuel = FUEL, outputBytesMax = 100_000 } = {}): Setup {
  const host = new WasiHost({ parameters: utf8(parameters), input: utf8(input), outputBytesMax, sha256 });
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 4 });
  const left = new WebAssembly.Global({ value: 'i64', mutable: true }, BigInt(fuel));
  host.bind({ memory: new ProgramMemory(memory), fuel: left });
  const view = (): DataView => new DataView(memory.buffer);
  return {
    call: host.imports[WASI_MODULE] as unknown as Record<string, Call>,
    host,
    memory,
    view,
    bytes: (address, length) => new Uint8Array(memory.buffer, address, length).slice(),
    charged: (use) => {
      const before = left.value;
      use();
      return Number(before - left.value);
    },
    buffers: (...items) => {
      items.forEach(([address, length], index) => {
        view().setUint32(LIST + 8 * index, address, true);
        view().setUint32(LIST + 8 * index + 4, length, true);
      });
    },
  };
}

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

describe('arguments and environment', () => {
  it('gives the strings of the parameters, the last one with or without its end', () => {
    for (const parameters of ['name\0-n\0\0x y\0', 'name\0-n\0\0x y']) {
      const { call, view, bytes } = setup({ parameters });
      expect(call.args_sizes_get!(0, 4)).toBe(0);
      expect([view().getUint32(0, true), view().getUint32(4, true)]).toEqual([4, 13]);
      expect(call.args_get!(16, 64)).toBe(0);
      expect(Array.from({ length: 4 }, (_, i) => view().getUint32(16 + 4 * i, true))).toEqual([64, 69, 72, 73]);
      expect(text(bytes(64, 13))).toBe('name\0-n\0\0x y\0');
    }
  });

  it('has no environment', () => {
    const { call, view } = setup();
    expect(call.environ_sizes_get!(0, 4)).toBe(0);
    expect([view().getUint32(0, true), view().getUint32(4, true)]).toEqual([0, 0]);
    expect(call.environ_get!(16, 64)).toBe(0);
  });
});

describe('clocks and randomness', () => {
  it('stands still', () => {
    const { call, view } = setup();
    for (const [clock, time] of [
      [0, REAL_TIME],
      [1, 0n],
      [2, 0n],
      [3, 0n],
    ] as const) {
      expect(call.clock_time_get!(clock, 1n, 8)).toBe(0);
      expect(view().getBigUint64(8, true)).toBe(time);
      expect(call.clock_res_get!(clock, 8)).toBe(0);
      expect(view().getBigUint64(8, true)).toBe(1n);
    }
    expect(call.clock_time_get!(4, 1n, 8)).toBe(ERRNO.invalid);
    expect(call.clock_time_get!(-1, 1n, 8)).toBe(ERRNO.invalid);
  });

  it('makes random bytes of arguments and input, however they are asked for', () => {
    const { call, bytes } = setup({ parameters: 'p\0', input: 'input' });
    const length = Buffer.alloc(4);
    length.writeUInt32LE(2);
    const seed = sha256(Buffer.concat([utf8('shoal wasi random'), length, utf8('p\0input')]));
    const block = (n: number): Uint8Array => {
      const counter = Buffer.alloc(8);
      counter.writeBigUInt64LE(BigInt(n));
      return sha256(Buffer.concat([seed, counter]));
    };
    const expected = Buffer.concat([block(0), block(1), block(2)]);
    let at = 0;
    for (const part of [1, 31, 40, 0, 24]) {
      expect(call.random_get!(512, part)).toBe(0);
      expect(Buffer.from(bytes(512, part))).toEqual(expected.subarray(at, at + part));
      at += part;
    }
    const other = setup({ parameters: 'p\0', input: 'inpuT' });
    other.call.random_get!(512, 32);
    expect(Buffer.from(other.bytes(512, 32))).not.toEqual(expected.subarray(0, 32));
  });

  it('waits for nothing: whatever is asked for is ready', () => {
    const { call, view } = setup({ input: 'hello' });
    const subscribe = (index: number, kind: number, what: number): void => {
      view().setBigUint64(1024 + 48 * index, BigInt(100 + index), true);
      view().setUint8(1024 + 48 * index + 8, kind);
      view().setUint32(1024 + 48 * index + 16, what, true);
    };
    subscribe(0, 0, 1);
    subscribe(1, 1, 0);
    subscribe(2, 2, 1);
    subscribe(3, 1, 1);
    subscribe(4, 7, 0);
    // The events go where the subscriptions are.
    expect(call.poll_oneoff!(1024, 1024, 5, 0)).toBe(0);
    expect(view().getUint32(0, true)).toBe(5);
    const events = Array.from({ length: 5 }, (_, i) => {
      const at = 1024 + 32 * i;
      return [view().getBigUint64(at, true), view().getUint16(at + 8, true), view().getBigUint64(at + 16, true)];
    });
    expect(events).toEqual([
      [100n, 0, 0n],
      [101n, 0, 5n],
      [102n, 0, 1n],
      [103n, ERRNO.badDescriptor, 0n],
      [104n, ERRNO.invalid, 0n],
    ]);
    expect(call.poll_oneoff!(1024, 2048, 0, 0)).toBe(ERRNO.invalid);
    expect(call.sched_yield!()).toBe(0);
  });
});

describe('input and output', () => {
  it('reads its input to the end, into several buffers', () => {
    const { call, view, bytes, buffers } = setup({ input: 'abcdefghij' });
    buffers([1000, 3], [2000, 0], [1002, 4]);
    expect(call.fd_read!(0, LIST, 3, 0)).toBe(0);
    expect([view().getUint32(0, true), text(bytes(1000, 6))]).toEqual([7, 'abdefg']);
    expect(call.fd_read!(0, LIST, 3, 0)).toBe(0);
    expect([view().getUint32(0, true), text(bytes(1000, 3))]).toEqual([3, 'hij']);
    expect(call.fd_read!(0, LIST, 3, 0)).toBe(0);
    expect(view().getUint32(0, true)).toBe(0);
  });

  it('collects its output, and no more of standard error than an author needs', () => {
    const { call, view, memory, host, buffers } = setup();
    new Uint8Array(memory.buffer, 1000, 5).set(utf8('hello'));
    buffers([1000, 5], [1000, 2]);
    expect(call.fd_write!(1, LIST, 2, 0)).toBe(0);
    expect(view().getUint32(0, true)).toBe(7);
    buffers([1003, 2], [0, PAGE]);
    expect(call.fd_write!(2, LIST, 2, 0)).toBe(0);
    expect(view().getUint32(0, true)).toBe(PAGE + 2);
    expect(call.fd_write!(2, LIST, 1, 0)).toBe(0);
    expect(text(host.output)).toBe('hellohe');
    expect(host.stderr).toHaveLength(STDERR_KEPT_BYTES);
    expect(text(host.stderr.slice(0, 2))).toBe('lo');
  });

  it('ends where the output becomes too large, with all of it or nothing', () => {
    const { call, buffers, host } = setup({ outputBytesMax: 10 });
    buffers([1000, 6], [1000, 4]);
    expect(call.fd_write!(1, LIST, 2, 0)).toBe(0);
    buffers([1000, 0]);
    expect(call.fd_write!(1, LIST, 1, 0)).toBe(0);
    buffers([1000, 1]);
    expect(() => call.fd_write!(1, LIST, 1, 0)).toThrow(expect.objectContaining({ how: 'output-too-large' }));
    expect(host.output).toHaveLength(10);
  });

  it('closes', () => {
    const { call, view } = setup();
    expect(call.fd_close!(1)).toBe(0);
    for (const name of ['fd_close', 'fd_fdstat_get', 'fd_filestat_get', 'fd_seek', 'fd_write']) {
      expect(call[name]!(1, 0, 0, 0)).toBe(ERRNO.badDescriptor);
    }
    view().setUint8(1032, 2);
    view().setUint32(1040, 1, true);
    expect(call.poll_oneoff!(1024, 2048, 1, 0)).toBe(0);
    expect(view().getUint16(2056, true)).toBe(ERRNO.badDescriptor);
  });

  it('is told apart by its rights, and keeps its flags', () => {
    const { call, view } = setup();
    for (const [fd, right] of [
      [0, 1n << 1n],
      [1, 1n << 6n],
      [2, 1n << 6n],
    ] as const) {
      expect(call.fd_fdstat_set_flags!(fd, 4)).toBe(0);
      expect(call.fd_fdstat_get!(fd, 8)).toBe(0);
      expect([view().getUint8(8), view().getUint16(10, true)]).toEqual([0, 4]);
      expect(view().getBigUint64(16, true) & ((1n << 1n) | (1n << 6n) | (1n << 2n))).toBe(right);
      expect(view().getBigUint64(24, true)).toBe(0n);
    }
    expect(call.fd_read!(1, LIST, 1, 0)).toBe(ERRNO.badDescriptor);
    expect(call.fd_write!(0, LIST, 1, 0)).toBe(ERRNO.badDescriptor);
    expect(call.fd_write!(-1, LIST, 1, 0)).toBe(ERRNO.badDescriptor);
  });

  it('exits', () => {
    const { call } = setup();
    expect(() => call.proc_exit!(7)).toThrow(ProgramEnd);
    expect(() => call.proc_exit!(-1)).toThrow(expect.objectContaining({ how: 'exit', exitCode: 0xffff_ffff }));
  });
});

describe('what there is nothing of', () => {
  it.each(Object.entries(DENIED))('says so: %s', (name, [, error]) => {
    const { call } = setup();
    // What begins with a pointer, or was never opened, is a bad descriptor with any number.
    expect(call[name]!(1, 0, 0, 0, 0, 0, 0, 0, 0)).toBe(error);
    if (name !== 'proc_raise') expect(call[name]!(3, 0, 0, 0, 0, 0, 0, 0, 0)).toBe(ERRNO.badDescriptor);
  });

  it('is the rest of preview1: 46 functions in all', () => {
    expect(Object.keys(ANSWERED).length + Object.keys(DENIED).length).toBe(46);
    expect(Object.keys(setup().call).sort()).toEqual([...Object.keys(ANSWERED), ...Object.keys(DENIED)].sort());
  });
});

describe('hostile pointers', () => {
  const OUTSIDE = [PAGE, PAGE - 1, -1, -8, 0x7fff_ffff];
  const CALLS: Readonly<Record<string, (call: Setup['call'], pointer: number) => number>> = {
    args_sizes_get: (call, p) => call.args_sizes_get!(p, 0),
    'args_sizes_get, second': (call, p) => call.args_sizes_get!(0, p),
    args_get: (call, p) => call.args_get!(p, 0),
    'args_get, second': (call, p) => call.args_get!(0, p),
    clock_time_get: (call, p) => call.clock_time_get!(0, 0n, p),
    clock_res_get: (call, p) => call.clock_res_get!(0, p),
    fd_fdstat_get: (call, p) => call.fd_fdstat_get!(1, p),
    fd_filestat_get: (call, p) => call.fd_filestat_get!(1, p),
    'fd_read, list': (call, p) => call.fd_read!(0, p, 1, 0),
    'fd_read, result': (call, p) => call.fd_read!(0, LIST, 1, p),
    'fd_write, list': (call, p) => call.fd_write!(1, p, 1, 0),
    'fd_write, result': (call, p) => call.fd_write!(1, LIST, 1, p),
    'poll_oneoff, subscriptions': (call, p) => call.poll_oneoff!(p, 0, 1, 512),
    'poll_oneoff, events': (call, p) => call.poll_oneoff!(0, p, 1, 512),
    'poll_oneoff, result': (call, p) => call.poll_oneoff!(0, 1024, 1, p),
    random_get: (call, p) => call.random_get!(p, 16),
  };

  it.each(Object.entries(CALLS))('get an error and change nothing: %s', (_, use) => {
    for (const pointer of OUTSIDE) {
      const { call, bytes, host, buffers } = setup({ parameters: 'program\0', input: 'input' });
      buffers([1000, 4]);
      const before = bytes(0, PAGE);
      expect(use(call, pointer)).toBe(ERRNO.fault);
      expect(Buffer.compare(bytes(0, PAGE), before)).toBe(0);
      expect(host.output).toHaveLength(0);
    }
  });

  it('among buffers: none of them is read or written', () => {
    const { call, bytes, buffers, host, view } = setup({ input: 'input' });
    for (const bad of [
      [PAGE - 3, 4],
      [0, PAGE + 1],
      [-1, 2],
      [4, -1],
    ] as const) {
      buffers([1000, 4], bad);
      expect(call.fd_read!(0, LIST, 2, 0)).toBe(ERRNO.fault);
      expect(call.fd_write!(1, LIST, 2, 0)).toBe(ERRNO.fault);
      expect(call.fd_write!(2, LIST, 2, 0)).toBe(ERRNO.fault);
    }
    expect([text(bytes(1000, 4)), host.output.length, host.stderr.length]).toEqual(['\0\0\0\0', 0, 0]);
    buffers([1000, 5]);
    call.fd_read!(0, LIST, 1, 0);
    expect(view().getUint32(0, true)).toBe(5);
  });

  it('see memory as it is after it has grown', () => {
    const { call, memory, view } = setup();
    expect(call.clock_time_get!(0, 0n, 8)).toBe(0);
    expect(call.clock_time_get!(0, 0n, PAGE)).toBe(ERRNO.fault);
    memory.grow(1);
    expect(call.clock_time_get!(0, 0n, PAGE)).toBe(0);
    expect(view().getBigUint64(PAGE, true)).toBe(REAL_TIME);
  });

  it('are as many as POSIX allows, at most', () => {
    const { call, buffers } = setup();
    buffers([1000, 1]);
    for (const count of [ITEMS_IN_CALL_MAX + 1, -1, 0x7fff_ffff]) {
      expect(call.fd_read!(0, LIST, count, 0)).toBe(ERRNO.invalid);
      expect(call.fd_write!(1, LIST, count, 0)).toBe(ERRNO.invalid);
      expect(call.poll_oneoff!(1024, 2048, count, 0)).toBe(ERRNO.invalid);
    }
    expect(call.fd_write!(1, 2048, ITEMS_IN_CALL_MAX, 0)).toBe(0);
  });
});

describe('fuel', () => {
  it('is charged for the call, the buffers, and the bytes', () => {
    const { call, charged, buffers } = setup({ input: 'x'.repeat(1_000), parameters: 'p\0' });
    buffers([1000, 900], [1000, 900]);
    const { call: base, item, outputByte, randomByte, seedByte } = WASI_FUEL;
    expect(charged(() => call.sched_yield!())).toBe(base);
    expect(charged(() => call.path_open!(3, 0, 0, 0, 0, 0n, 0n, 0, 0))).toBe(base);
    expect(charged(() => call.fd_read!(0, LIST, 2, 0))).toBe(base + 2 * item + 125);
    expect(charged(() => call.fd_read!(0, LIST, 2, 0))).toBe(base + 2 * item);
    expect(charged(() => call.fd_write!(1, LIST, 2, 0))).toBe(base + 2 * item + 1_800 * outputByte);
    expect(charged(() => call.fd_write!(2, LIST, 2, 0))).toBe(base + 2 * item + 225);
    expect(charged(() => call.fd_write!(1, LIST, -1, 0))).toBe(base);
    expect(charged(() => call.random_get!(0, 10))).toBe(base + 10 * randomByte + 1_002 * seedByte);
    expect(charged(() => call.random_get!(0, 10))).toBe(base + 10 * randomByte);
  });

  it('runs out before the work is done', () => {
    const spent = (fuel: number) => {
      const made = setup({ fuel, input: 'input', outputBytesMax: 1_000_000 });
      made.buffers([1000, 4], [0, PAGE]);
      return made;
    };
    const { call: base, item, outputByte } = WASI_FUEL;
    const need = base + 2 * item + (PAGE + 4) * outputByte;
    expect(spent(need).call.fd_write!(1, LIST, 2, 0)).toBe(0);
    for (const fuel of [0, base - 1, base + 2 * item - 1, need - 1]) {
      const { call, host } = spent(fuel);
      expect(() => call.fd_write!(1, LIST, 2, 0)).toThrow(expect.objectContaining({ how: 'out-of-fuel' }));
      expect(host.output).toHaveLength(0);
    }
    const huge = spent(1_000_000);
    expect(() => huge.call.random_get!(0, PAGE)).toThrow(expect.objectContaining({ how: 'out-of-fuel' }));
    expect(huge.bytes(0, 8)).toEqual(new Uint8Array(8));
  });
});
