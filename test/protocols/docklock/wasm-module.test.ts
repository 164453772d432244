/**
 * Goal: a module says what it wants before an engine reads it, and its bounds hold in the engine. Method: modules assembled by
 * hand; what comes out is given to the engine; bytes changed at random.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import { boundModule, ModuleError, pageBytes } from '../../../src/protocols/docklock/wasm-module.ts';
import { type EngineMemory, webAssembly } from '../../../src/runtime/containers/web-assembly.ts';
import { type ModulePlan, wasmModule } from '../../support/wasm-module.ts';

const codeOf = (module: Uint8Array, pages = 4): string => {
  try {
    boundModule(module, pages * pageBytes);
    return 'bounded';
  } catch (error) {
    if (error instanceof ModuleError) return error.code;
    throw error;
  }
};

/** How many pages an engine lets it have. */
function pagesOf(plan: Omit<ModulePlan, 'code'>, pages: number): number {
  const bounded = boundModule(wasmModule({ ...plan, code: [] }), pages * pageBytes);
  const { exports } = new webAssembly.Instance(new webAssembly.Module(bounded), {});
  const memory = exports['memory'] as EngineMemory & { grow(pages: number): number };
  for (;;) {
    try {
      memory.grow(1);
    } catch {
      return memory.buffer.byteLength / pageBytes;
    }
  }
}

describe('bounds of a module', () => {
  it('are what it may have, or less where it wants less', () => {
    expect(pagesOf({ memory: [1] }, 4)).to.equal(4);
    expect(pagesOf({ memory: [1, 65_536] }, 4)).to.equal(4);
    expect(pagesOf({ memory: [1, 3] }, 4)).to.equal(3);
    expect(pagesOf({ memory: [4] }, 4)).to.equal(4);
    expect(codeOf(wasmModule({ code: [], memory: [5] }))).to.equal('memory-too-large');
  });

  it('leave the rest of it byte for byte', () => {
    const module = wasmModule({ code: [], memory: [1, 4], data: [[0, 'x']] });
    expect(Buffer.from(boundModule(module, 4 * pageBytes)).equals(Buffer.from(module))).to.equal(true);
  });

  /** In place of the one memory of a module without a maximum. */
  const withMemories = (...bounds: readonly (readonly number[])[]): Uint8Array => {
    const module = [...wasmModule({ code: [] })];
    const at = module.findIndex((byte, index) => byte === 5 && module[index + 1] === 3 && module[index + 2] === 1);
    const body = [bounds.length, ...bounds.flat()];
    module.splice(at, 5, 5, body.length, ...body);
    return new Uint8Array(module);
  };

  const refused: readonly (readonly [what: string, code: string, module: Uint8Array])[] = [
    ['no module', 'not-a-module', Buffer.from('\u007fELF')],
    ['a component', 'module-invalid', new Uint8Array([0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0])],
    ['two memories', 'memory-unsupported', withMemories([0, 1], [0, 1])],
    ['a shared memory', 'memory-unsupported', withMemories([3, 1, 2])],
    ['a memory of 64 bits', 'memory-unsupported', withMemories([4, 1])],
    ['functions of others', 'import-unknown', wasmModule({ code: [], imports: [['f', []]], namespace: 'env' })],
    ['a table of a million', 'table-too-large', wasmModule({ code: [], table: 1_000_000 })],
    ['no memory', 'export-missing', wasmModule({ code: [], memory: null })],
    ['no beginning', 'export-missing', wasmModule({ code: [], startName: 'begin' })],
  ];
  for (const [what, code, module] of refused)
    it(`are refused for ${what}: ${code}`, () => expect(codeOf(module)).to.equal(code));

  it('are found or refused whatever bytes are changed, and hold in whatever module an engine takes', () => {
    const module = wasmModule({ code: [], table: 10, data: [[0, 'x']] });
    const change = fc.record({ at: fc.nat(module.length - 1), byte: fc.nat(255) });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
        const bytes = Uint8Array.from(module);
        for (const { at, byte } of changes) bytes[at] = byte;
        let bounded: Uint8Array;
        try {
          bounded = boundModule(bytes, 4 * pageBytes);
        } catch (error) {
          if (error instanceof ModuleError) return;
          throw error;
        }
        let memory: unknown;
        try {
          memory = new webAssembly.Instance(new webAssembly.Module(bounded), {}).exports['memory'];
        } catch {
          // An engine refuses what these bounds do not look at.
          return;
        }
        expect((memory as EngineMemory).buffer.byteLength).to.be.at.most(4 * pageBytes);
        expect(() => (memory as { grow(pages: number): number }).grow(4)).to.throw(RangeError);
      }),
      { numRuns: 1_000 },
    );
  });
});
