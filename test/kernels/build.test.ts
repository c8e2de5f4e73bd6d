/** The kernel build, on folders of its own: what it makes, when it does nothing, and how it fails. */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { buildKernel, KernelBuildError } from '../../kernels/build.ts';

const ABI = "export { shoal_abi, shoal_alloc, shoal_out_len, shoal_out_ptr } from 'shoal/kernel';\n";
const ONE = `import { put } from 'shoal/kernel';
${ABI}
export function shoal_init(): i32 { return 1; }
export function shoal_step(n: i32): i32 { put<u32>(answer()); return 0; }
`;
const MANIFEST = { name: 'mine', limits: { memoryPagesInitial: 1, memoryPagesMax: 7 } };

let folder: string;
let out: string;

beforeEach(() => {
  const base = mkdtempSync(path.join(tmpdir(), 'shoal-kernel-'));
  folder = path.join(base, 'mine');
  out = path.join(base, 'out');
  mkdirSync(folder);
});

afterEach(() => {
  rmSync(path.dirname(folder), { recursive: true });
});

function write(source: string, manifest: unknown = MANIFEST): void {
  writeFileSync(path.join(folder, 'index.ts'), source);
  writeFileSync(path.join(folder, 'kernel.json'), JSON.stringify(manifest));
}

async function failure(): Promise<KernelBuildError> {
  const error = await buildKernel(folder, out).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(KernelBuildError);
  return error as KernelBuildError;
}

describe('buildKernel', () => {
  it('builds a folder anywhere, files beside index.ts included, with the memory its manifest asks for', async () => {
    write(`import { answer } from './answer';\n${ONE}`);
    writeFileSync(path.join(folder, 'answer.ts'), 'export function answer(): u32 { return 42; }');
    const built = await buildKernel(folder, out);
    expect(built).toMatchObject({ name: 'mine', wasm: path.join(out, 'kernel.wasm'), compiled: true });
    const wasm = readFileSync(built.wasm);
    expect(wasm).toHaveLength(built.bytes);
    const module = new WebAssembly.Module(wasm);
    expect(WebAssembly.Module.imports(module)).toEqual([]);
    const kernel = new WebAssembly.Instance(module).exports as Record<string, (n?: number) => number>;
    expect([kernel.shoal_abi?.(), kernel.shoal_init?.(), kernel.shoal_step?.(1), kernel.shoal_out_len?.()]).toEqual([
      1, 1, 0, 4,
    ]);
    const memory = (kernel as unknown as { memory: WebAssembly.Memory }).memory;
    expect(new Uint32Array(memory.buffer, kernel.shoal_out_ptr?.(), 1)[0]).toBe(42);
    expect(memory.grow(6)).toBe(1);
    expect(() => memory.grow(1)).toThrow();
    expect(JSON.parse(readFileSync(path.join(out, 'kernel.json'), 'utf8'))).toEqual(MANIFEST);
  });

  it('does nothing while nothing changes, and builds again when any file it read does', async () => {
    write(`import { answer } from './answer';\n${ONE}`);
    const answer = path.join(folder, 'answer.ts');
    writeFileSync(answer, 'export function answer(): u32 { return 42; }');
    const first = await buildKernel(folder, out);
    utimesSync(answer, 1, 1);
    expect(await buildKernel(folder, out)).toEqual({ ...first, compiled: false, bytesBefore: first.bytes });
    writeFileSync(answer, 'export function answer(): u32 { return 43; }');
    expect(await buildKernel(folder, out)).toMatchObject({ compiled: true, changed: ['answer.ts'] });
    expect((await buildKernel(folder, out)).compiled).toBe(false);
    write(`import { answer } from './answer';\n${ONE}`, { ...MANIFEST, title: 'Changed' });
    expect((await buildKernel(folder, out)).compiled).toBe(true);
    writeFileSync(first.wasm, 'damaged');
    expect((await buildKernel(folder, out)).compiled).toBe(true);
    expect(WebAssembly.validate(readFileSync(first.wasm))).toBe(true);
  });

  it('gives equal bytes for equal sources, so that a kernel has one CID', async () => {
    cpSync(new URL('../../kernels/prime-count', import.meta.url), folder, { recursive: true });
    const { wasm } = await buildKernel(folder, out);
    const shipped = readFileSync(new URL('../../dist/kernels/prime-count/kernel.wasm', import.meta.url));
    expect(Buffer.compare(readFileSync(wasm), shipped)).toBe(0);
  });

  it('names the file and the line of a source error', async () => {
    write(`${ABI}export function shoal_init(): i32 { return missing; }\n`);
    const error = await failure();
    expect(error.code).toBe('compile-failed');
    expect(error.message).toContain(path.join(folder, 'index.ts'));
    expect(error.message).toContain("Cannot find name 'missing'");
    expect(error.message).toMatch(/index\.ts\(2,/);
  });

  it('refuses a kernel that imports something, naming it', async () => {
    write(`${ONE}\nfunction answer(): u32 { return <u32>(Math.random() * 100); }`);
    const error = await failure();
    expect(error.code).toBe('has-imports');
    expect(error.message).toContain('env.seed (Math.random needs a seed');
  });

  it('refuses a kernel without the ABI, naming what it lacks', async () => {
    write(`${ABI}export function shoal_init(): i32 { return 0; }`);
    expect(await failure()).toMatchObject({ code: 'no-export', message: expect.stringContaining('shoal_step') });
  });

  it('says which file is missing or wrong', async () => {
    expect(await failure()).toMatchObject({
      code: 'no-source',
      message: expect.stringContaining('kernel.json: no such'),
    });
    write(ONE, { ...MANIFEST, limits: {} });
    expect(await failure()).toMatchObject({ code: 'bad-manifest', message: expect.stringContaining('memoryPagesMax') });
    writeFileSync(path.join(folder, 'kernel.json'), '{');
    expect(await failure()).toMatchObject({ code: 'bad-manifest', message: expect.stringContaining('kernel.json') });
    rmSync(path.join(folder, 'index.ts'));
    expect(await failure()).toMatchObject({ code: 'no-source', message: expect.stringContaining('index.ts: no such') });
  });
});
