/** Goal: an audit log says what was written to it, in order, or that it does not; no byte of it can change unseen. */
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect } from 'chai';
import fc from 'fast-check';
import { auditLine, beginAuditLog, chainAuditEntry, readAuditLine } from '../../../src/protocols/audit/entry.ts';
import { chainId as toChainId, digest, publicKey } from '../../../src/protocols/shared/brands.ts';
import {
  AuditLogError,
  type AuditLogOptions,
  openAuditLog,
  readAuditLog,
} from '../../../src/runtime/adapters/audit-log.ts';

const chainId = toChainId('c0'.repeat(32));
const node = publicKey('11'.repeat(32));
const expected = { chainId, node };

describe('audit log', () => {
  let directory: string;
  let now: number;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'bpci-audit-'));
    now = 1_000;
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  const options = (more: Partial<AuditLogOptions> = {}): AuditLogOptions => ({
    ...{ directory, chainId, node, now: () => now++, ...more },
  });
  const fill = (more: Partial<AuditLogOptions> = {}, count = 6): void => {
    const log = openAuditLog(options(more));
    for (let i = 0; i < count; i++) log.append('key-use', { key: `k${i}`, for: 'identity' });
    log.close();
  };
  const onlyFile = (): string => join(directory, readdirSync(directory)[0]!);

  it('begins with chain and node, and goes on where it was left', () => {
    fill();
    const log = openAuditLog(options());
    log.append('stop', {});
    const { head } = log;
    log.close();
    const read = readAuditLog(directory, expected);
    expect(read).to.deep.include({ problem: null, unfinished: null, head });
    expect(read.entries.map(({ action }) => action)).to.deep.equal([
      'begin',
      ...Array.from({ length: 6 }, () => 'key-use'),
      'stop',
    ]);
    expect(read.entries[0]).to.deep.include({ time: 1_000, details: { chain: chainId, node } });
    expect(head).to.include({ began: 1_000, size: 8 });
  });

  it('has lines that fit the published schema', () => {
    fill();
    const schema = JSON.parse(readFileSync('docs/formats/audit-entry.schema.json', 'utf8')) as object;
    const validate = new Ajv2020({ strict: true }).compile(schema);
    for (const line of readFileSync(onlyFile(), 'utf8').trimEnd().split('\n')) {
      expect(validate(JSON.parse(line)), JSON.stringify(validate.errors)).to.equal(true);
    }
    expect(validate({ ...beginAuditLog(chainId, node, 1), action: 'renamed' })).to.equal(false);
  });

  it('shows every byte that was changed', () => {
    fill({}, 3);
    const file = onlyFile();
    const whole = readFileSync(file);
    for (let at = 0; at < whole.length; at++) {
      const changed = Buffer.from(whole);
      changed[at] = whole[at]! ^ (1 << (at % 8));
      writeFileSync(file, changed);
      const { problem, unfinished } = readAuditLog(directory, expected);
      expect(problem !== null || unfinished !== null, `byte ${at}`).to.equal(true);
    }
  });

  it('shows lines that were dropped, doubled or moved', () => {
    fill();
    const file = onlyFile();
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
    const forgeries = {
      dropped: lines.toSpliced(2, 1),
      doubled: lines.toSpliced(2, 0, lines[2]!),
      moved: lines.toSpliced(2, 2, lines[3]!, lines[2]!),
    };
    for (const [name, forged] of Object.entries(forgeries)) {
      writeFileSync(file, `${forged.join('\n')}\n`);
      expect(readAuditLog(directory, expected).problem?.line, name).to.be.within(3, 4);
      expect(() => openAuditLog(options()), name).to.throw(AuditLogError, `${file}:`);
    }
  });

  it('is not gone on with where it is of another node or chain', () => {
    fill();
    expect(() => openAuditLog(options({ node: publicKey('22'.repeat(32)) }))).to.throw(AuditLogError, 'another node');
    expect(() => openAuditLog(options({ chainId: toChainId('c1'.repeat(32)) }))).to.throw(AuditLogError);
  });

  it('loses the line that a dying process left unfinished, and says so', () => {
    fill();
    const file = onlyFile();
    const { length } = readFileSync(file);
    for (const lost of [1, 40]) {
      truncateSync(file, length - lost);
      expect(readAuditLog(directory, expected).unfinished).to.have.property('file', file);
      const log = openAuditLog(options());
      expect(log.last('mended')?.details).to.have.property('bytes');
      expect(log.head.size).to.equal(7);
      log.close();
      expect(readAuditLog(directory, expected)).to.deep.include({ problem: null, unfinished: null });
      rmSync(directory, { recursive: true });
      fill();
    }
  });

  it('begins anew where not even its first line was finished', () => {
    fill({}, 0);
    truncateSync(onlyFile(), 10);
    const log = openAuditLog(options());
    log.close();
    expect(readAuditLog(directory, expected).entries.map(({ action }) => action)).to.deep.equal(['begin', 'mended']);
  });

  it('goes on in further files, none of which may be missing', () => {
    fill({ fileBytesMax: 400 });
    const files = readdirSync(directory).sort();
    expect(files.length).to.be.greaterThan(2);
    expect(readAuditLog(directory, expected)).to.deep.include({ problem: null });
    expect(readAuditLog(directory, expected).entries).to.have.length(7);
    rmSync(join(directory, files[1]!));
    expect(readAuditLog(directory, expected).problem?.line).to.equal(1);
  });

  it('takes nothing more once an entry could not be written, even where it could again', () => {
    const log = openAuditLog(options({ fileBytesMax: 1 }));
    const moved = `${directory}-moved`;
    renameSync(directory, moved);
    expect(() => log.append('stop', {}))
      .to.throw(AuditLogError)
      .with.property('code', 'unwritable');
    renameSync(moved, directory);
    expect(() => log.append('stop', {}))
      .to.throw(AuditLogError)
      .with.property('code', 'unwritable');
    log.close();
    expect(readAuditLog(directory, expected).entries.map(({ action }) => action)).to.deep.equal(['begin']);
  });

  it('takes texts of any length and any characters', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 3000 }), (text) => {
        const log = openAuditLog(options());
        log.append('failed', { cause: text });
        log.close();
        expect(readAuditLog(directory, expected).problem).to.equal(null);
      }),
      { numRuns: 30 },
    );
  });
});

describe('audit entries', () => {
  const entry = chainAuditEntry(
    { index: 3, time: 5, action: 'refused', details: { b: '2', a: '1' } },
    digest('ab'.repeat(32)),
  );

  it('have bytes that hold for ever', () => {
    expect(auditLine(beginAuditLog(chainId, node, 7))).to.equal(
      `{"index":0,"time":7,"action":"begin","details":{"chain":"${chainId}","node":"${node}"},"previous":"${'0'.repeat(64)}","digest":"${beginDigest}"}`,
    );
  });

  it('are read back, details in the order of their names', () => {
    expect(readAuditLine(auditLine(entry))).to.deep.equal({ entry });
    expect(auditLine(entry)).to.include('"details":{"a":"1","b":"2"}');
  });

  const lines: readonly (readonly [string, string])[] = [
    ['no JSON', auditLine(entry).slice(1)],
    ['another order of fields', JSON.stringify(Object.fromEntries(Object.entries(entry).reverse()))],
    ['an unknown action', auditLine(entry).replace('refused', 'renamed')],
    ['a field more', auditLine(entry).replace('{"index"', '{"extra":1,"index"')],
    ['a number in the details', auditLine(entry).replace('"1"', '1')],
    ['a negative index', auditLine(entry).replace('"index":3', '"index":-3')],
    ['half a character', auditLine(entry).replace('"1"', '"\\ud800"')],
  ];
  for (const [name, line] of lines) {
    it(`are refused with ${name}`, () => expect(readAuditLine(line)).to.have.property('problem'));
  }
});

const beginDigest = '265af0ef14b623ebdac9b9a5ad535a8f4682d65236d3bb00fa540e6c76499ce9';
