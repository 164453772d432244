/**
 * A second verifier of proof bundles, written from docs/formats/proof-bundle.md: it shares no code with the first, reads
 * the JSON as it stands, and uses the hashes and signatures of node:crypto only. Slow and plain on purpose.
 */
import { createHash, createPublicKey, verify as verifyWithKey } from 'node:crypto';

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
type Fields = Record<string, Json>;

/** What of the genesis document enters its hash, as plain data; bytes as Uint8Array, keys as hex. */
export interface PlainGenesis {
  readonly chainName: string;
  readonly time: number;
  readonly protocolVersion: number;
  readonly parameters: Readonly<Record<string, number>>;
  readonly validators: readonly {
    readonly publicKey: string;
    readonly vrfPublicKey: string;
    readonly name: string;
    readonly possession: Uint8Array;
    readonly bond: bigint;
  }[];
  readonly accounts: readonly { readonly publicKey: string; readonly balance: bigint }[];
  readonly governors: readonly string[];
  readonly networkAuthority: string | null;
  readonly previous: { readonly chainId: string; readonly lastHeader: string } | null;
}

class Refusal extends Error {}
const refuse = (message: string): never => {
  throw new Refusal(message);
};
function must(condition: boolean, message: string): asserts condition {
  if (!condition) refuse(message);
}

const sha256 = (...parts: Uint8Array[]): Buffer => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};
const tag = (name: string): Buffer => Buffer.from(`${name}\0`);
const zero = Buffer.alloc(32);

// --- strict JSON ---------------------------------------------------------------------------------------------------

function fields(json: Json | undefined, names: string[]): Fields {
  must(typeof json === 'object' && json !== null && !Array.isArray(json), 'an object expected');
  must(Object.keys(json).sort().join() === [...names].sort().join(), `fields ${Object.keys(json).join()}`);
  return json;
}
function items(json: Json | undefined, max: number): Json[] {
  must(Array.isArray(json) && json.length <= max, 'a list expected');
  return json;
}
function count(json: Json | undefined, max: number = Number.MAX_SAFE_INTEGER): number {
  must(typeof json === 'number' && Number.isSafeInteger(json) && json >= 0 && json <= max, 'a count expected');
  return json;
}
function hex(json: Json | undefined, size?: number): Buffer {
  must(typeof json === 'string' && /^([0-9a-f]{2})*$/.test(json), 'lower-case hex expected');
  const bytes = Buffer.from(json, 'hex');
  must(size === undefined || bytes.length === size, `${bytes.length} bytes where ${size} are expected`);
  return bytes;
}

// --- msgpack -------------------------------------------------------------------------------------------------------

function sized(tags: [number, number, number], bytes: Uint8Array): Buffer {
  const { length } = bytes;
  if (length < 2 ** 8) return Buffer.concat([Buffer.of(tags[0], length), bytes]);
  if (length < 2 ** 16) return Buffer.concat([Buffer.of(tags[1], length >> 8, length & 255), bytes]);
  const head = Buffer.alloc(5, tags[2]);
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, bytes]);
}
const bin = (bytes: Uint8Array): Buffer => sized([0xc4, 0xc5, 0xc6], bytes);
const text = (value: string): Buffer => {
  const bytes = Buffer.from(value);
  return bytes.length < 32 ? Buffer.concat([Buffer.of(0xa0 + bytes.length), bytes]) : sized([0xd9, 0xda, 0xdb], bytes);
};
function uint(value: number | bigint): Buffer {
  const head = Buffer.alloc(9, 0xcf);
  head.writeBigUInt64BE(BigInt(value), 1);
  if (value < 2 ** 7) return Buffer.of(Number(value));
  if (value < 2 ** 8) return Buffer.of(0xcc, Number(value));
  if (value < 2 ** 16) return Buffer.concat([Buffer.of(0xcd), head.subarray(7)]);
  return value < 2 ** 32 ? Buffer.concat([Buffer.of(0xce), head.subarray(5)]) : head;
}
function array(...parts: Buffer[]): Buffer {
  const { length } = parts;
  const head = length < 16 ? Buffer.of(0x90 + length) : Buffer.of(0xdc, length >> 8, length & 255);
  return Buffer.concat([head, ...parts]);
}
const nil = Buffer.of(0xc0);

type Packed = null | number | string | Uint8Array | Packed[];

/** One msgpack value of the kinds that a transaction is made of. */
function unpack(bytes: Uint8Array): Packed {
  const data = Buffer.from(bytes);
  let at = 0;
  const take = (size: number): Buffer => {
    must(at + size <= data.length, 'msgpack ends early');
    at += size;
    return data.subarray(at - size, at);
  };
  const number = (size: number): number =>
    size === 8 ? Number(take(8).readBigUInt64BE()) : take(size).readUIntBE(0, size);
  const value = (): Packed => {
    const first = number(1);
    if (first < 0x80) return first;
    if (first >= 0x90 && first <= 0x9f) return Array.from({ length: first - 0x90 }, value);
    if (first >= 0xa0 && first <= 0xbf) return take(first - 0xa0).toString();
    if (first === 0xc0) return null;
    if (first >= 0xc4 && first <= 0xc6) return take(number(2 ** (first - 0xc4)));
    if (first >= 0xcc && first <= 0xcf) return number(2 ** (first - 0xcc));
    if (first >= 0xd9 && first <= 0xdb) return take(number(2 ** (first - 0xd9))).toString();
    return refuse(`msgpack type ${first}`);
  };
  const result = value();
  must(at === data.length, 'bytes after msgpack');
  return result;
}

function pack(value: Packed): Buffer {
  if (value === null) return nil;
  if (typeof value === 'number') return uint(value);
  if (typeof value === 'string') return text(value);
  return value instanceof Uint8Array ? bin(value) : array(...value.map(pack));
}

// --- signatures ----------------------------------------------------------------------------------------------------

function signed(key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const spki = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), key]);
  try {
    return verifyWithKey(null, message, createPublicKey({ key: spki, format: 'der', type: 'spki' }), signature);
  } catch {
    return false;
  }
}

// --- genesis, sets, headers ----------------------------------------------------------------------------------------

const fromHex = (value: string): Buffer => Buffer.from(value, 'hex');

function genesisHash(genesis: PlainGenesis): Buffer {
  const parameterOrder =
    'blockTimeMs emptyBlockPeriodMs finalityThreshold roundTimeoutBaseMs roundTimeoutMaxMs voteLapseBlocks evidenceAgeBlocks unbondingBlocks trustPeriodBlocks checkpointIntervalBlocks';
  const { previous, networkAuthority } = genesis;
  const document = array(
    text(genesis.chainName),
    uint(genesis.time),
    uint(genesis.protocolVersion),
    array(...parameterOrder.split(' ').map((name) => uint(genesis.parameters[name]!))),
    array(
      ...genesis.validators.map((v) =>
        array(bin(fromHex(v.publicKey)), bin(fromHex(v.vrfPublicKey)), text(v.name), bin(v.possession), uint(v.bond)),
      ),
    ),
    array(...genesis.accounts.map((a) => array(bin(fromHex(a.publicKey)), uint(a.balance)))),
    array(...genesis.governors.map((key) => bin(fromHex(key)))),
    networkAuthority === null ? nil : bin(fromHex(networkAuthority)),
    previous === null ? nil : array(bin(fromHex(previous.chainId)), bin(fromHex(previous.lastHeader))),
  );
  return sha256(tag('bpci/genesis/v1'), document);
}

interface Members {
  readonly keys: readonly string[];
  readonly quorum: number;
  readonly hash: string;
}

function membersOf(validators: readonly (readonly [string, string])[], quorum: number): Members {
  const packed = array(
    array(...validators.map(([key, vrf]) => array(bin(fromHex(key)), bin(fromHex(vrf))))),
    uint(quorum),
  );
  const hash = sha256(tag('bpci/validator-set/v1'), packed).toString('hex');
  return { keys: validators.map(([key]) => key), quorum, hash };
}

function genesisMembers(genesis: PlainGenesis): Members {
  const pairs = genesis.validators.map((v) => [v.publicKey, v.vrfPublicKey] as const);
  const n = pairs.length;
  const quorum = Math.max(Math.ceil((2 * n) / 3), Math.ceil((n * genesis.parameters['finalityThreshold']!) / 100));
  return membersOf(
    [...pairs].sort((a, b) => (a[0] < b[0] ? -1 : 1)),
    quorum,
  );
}

function jsonMembers(json: Json | undefined): Members {
  const set = fields(json, ['validators', 'quorum']);
  const pairs = items(set['validators'], 128).map((entry) => {
    const validator = fields(entry, ['publicKey', 'vrfPublicKey']);
    return [
      hex(validator['publicKey'], 32).toString('hex'),
      hex(validator['vrfPublicKey'], 32).toString('hex'),
    ] as const;
  });
  return membersOf(pairs, count(set['quorum'], 128));
}

const digestFields = new Set(
  'chainId parent proposer transactionsRoot stateRoot eventsRoot logRoot validatorsHash nextValidatorsHash lastCommitHash'.split(
    ' ',
  ),
);
const headerOrder =
  'chainId protocolVersion height parent time proposer transactionsRoot stateRoot eventsRoot logSize logRoot validatorsHash nextValidatorsHash lastCommitHash beacon'.split(
    ' ',
  );

interface Header {
  readonly json: Fields;
  readonly height: number;
  readonly digest: Buffer;
}

function headerOf(json: Json | undefined): Header {
  const header = fields(json, headerOrder);
  const parts = headerOrder.map((name) => {
    if (digestFields.has(name)) return bin(hex(header[name], 32));
    if (name !== 'beacon') return uint(count(header[name]));
    const beacon = fields(header[name], ['output', 'proof']);
    return array(bin(hex(beacon['output'], 64)), bin(hex(beacon['proof'], 80)));
  });
  const height = count(header['height']);
  must(height >= 1, 'a header has a height');
  return { json: header, height, digest: sha256(tag('bpci/block/v1'), array(...parts)) };
}

function checkSeals(chain: Buffer, header: Header, json: Json | undefined, members: Members): void {
  const commit = fields(json, ['round', 'seals']);
  const body = array(uint(header.height), uint(count(commit['round'], 2 ** 31 - 1)), bin(header.digest));
  const message = Buffer.concat([tag('bpci/commit/v1'), chain, body]);
  let previous = '';
  const seals = items(commit['seals'], 128);
  for (const entry of seals) {
    const seal = fields(entry, ['validator', 'signature']);
    const validator = hex(seal['validator'], 32);
    const key = validator.toString('hex');
    must(key > previous && members.keys.includes(key), 'seals are of members, ascending');
    must(signed(validator, message, hex(seal['signature'], 64)), 'a seal does not hold');
    previous = key;
  }
  must(seals.length >= members.quorum, 'too few seals');
}

// --- log -----------------------------------------------------------------------------------------------------------

/** The root that a path leads to, by the recursive definition of RFC 6962 read backwards. */
function rootFromPath(index: number, size: number, leaf: Buffer, path: Buffer[]): Buffer {
  if (size === 1) {
    must(path.length === 0, 'a path too long');
    return leaf;
  }
  const top = path.at(-1) ?? refuse('a path too short');
  let split = 1;
  while (split * 2 < size) split *= 2;
  const below = path.slice(0, -1);
  return index < split
    ? sha256(Buffer.of(1), rootFromPath(index, split, leaf, below), top)
    : sha256(Buffer.of(1), top, rootFromPath(index - split, size - split, leaf, below));
}

function checkTransaction(chain: Buffer, header: Header, subject: Fields): void {
  const transaction = hex(subject['transaction']);
  const [height, index] = [count(subject['height']), count(subject['index'])];
  must(height >= 1 && height <= header.height, 'a transaction of a later block');
  const leaf = array(uint(height), uint(index), bin(transaction), bin(hex(subject['result'])));
  const [logIndex, logSize] = [count(subject['logIndex']), count(header.json['logSize'])];
  must(logIndex < logSize, 'an index beyond the log');
  const path = items(subject['inclusion'], 64).map((hash) => hex(hash, 32));
  const root = rootFromPath(logIndex, logSize, sha256(Buffer.of(0), leaf), path);
  must(root.equals(hex(header.json['logRoot'])), 'the leaf is not in the log');
  const parts = unpack(transaction);
  must(Array.isArray(parts) && parts.length === 7 && pack(parts).equals(transaction), 'not a transaction');
  const [chainBytes, sender, , , , , signature] = parts as [
    Uint8Array,
    Uint8Array,
    Packed,
    Packed,
    Packed,
    Packed,
    Uint8Array,
  ];
  must(chain.equals(chainBytes), 'a transaction of another chain');
  const message = Buffer.concat([tag('bpci/transaction/v1'), chain, pack(parts.slice(0, 6))]);
  must(signed(sender, message, signature), 'the sender did not sign');
}

function checkTlogProof(chain: Buffer, header: Header, subject: Fields, members: Members, proof: string): void {
  const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
  const path = items(subject['inclusion'], 64).map((hash) => base64(hex(hash, 32)));
  const root = base64(hex(header.json['logRoot']));
  const note = `bpci/log/${chain.toString('hex')}\n${count(header.json['logSize'])}\n${root}\n`;
  const head = ['c2sp.org/tlog-proof@v1', `index ${count(subject['logIndex'])}`, ...path, '', note, ''].join('\n');
  must(proof.startsWith(head) && proof.endsWith('\n'), 'the proof file is of something else');
  const lines = proof.slice(head.length).split('\n').slice(0, -1);
  const seen = new Set<string>();
  for (const line of lines) {
    const match = /^— bpci\/validator\/([0-9a-f]{64}) ([A-Za-z0-9+/]+=*)$/u.exec(line) ?? refuse('not a cosignature');
    const [key, encoded] = [match[1]!, match[2]!];
    const bytes = Buffer.from(encoded, 'base64');
    must(base64(bytes) === encoded && bytes.length === 76, 'not the bytes of a cosignature');
    must(members.keys.includes(key) && !seen.has(key), 'a cosigner that is not a validator, or twice');
    seen.add(key);
    const id = sha256(Buffer.from(`bpci/validator/${key}\n`), Buffer.of(4), fromHex(key)).subarray(0, 4);
    must(id.equals(bytes.subarray(0, 4)), 'another key id');
    const message = Buffer.from(`cosignature/v1\ntime ${bytes.readBigUInt64BE(4)}\n${note}`);
    must(signed(fromHex(key), message, bytes.subarray(12)), 'a cosignature does not hold');
  }
  must(seen.size >= members.quorum, 'too few cosignatures');
}

// --- state ---------------------------------------------------------------------------------------------------------

/** Protobuf fields in order: [number, value]. */
function protobuf(bytes: Buffer): [number, Buffer | number][] {
  const found: [number, Buffer | number][] = [];
  let at = 0;
  const varint = (): number => {
    for (let value = 0, shift = 1; ; shift *= 128) {
      must(at < bytes.length && shift < 2 ** 35, 'a number does not end');
      const byte = bytes[at++]!;
      value += (byte % 128) * shift;
      if (byte < 128) {
        must(byte !== 0 || shift === 1, 'a number is not minimal');
        return value;
      }
    }
  };
  while (at < bytes.length) {
    const key = varint();
    must(key % 8 === 0 || key % 8 === 2, 'a wire type of its own');
    const value = varint();
    if (key % 8 === 2) {
      must(at + value <= bytes.length, 'protobuf ends early');
      at += value;
    } else must(value !== 0, 'a default value is written');
    found.push([Math.floor(key / 8), key % 8 === 2 ? bytes.subarray(at - value, at) : value]);
  }
  return found;
}

interface Existence {
  readonly key: Buffer;
  readonly value: Buffer;
  /** From the root down, the sides and siblings. */
  readonly sides: { readonly isLeft: boolean; readonly sibling: Buffer }[];
}

function existenceOf(bytes: Buffer, root: Buffer): Existence {
  const [first, second, third, ...rest] = protobuf(bytes);
  const numbers = [first?.[0], second?.[0], third?.[0], ...rest.map(([number]) => number)];
  must(
    numbers.slice(0, 3).join() === '1,2,3' && numbers.slice(3).every((n) => n === 4),
    'fields of an existence proof',
  );
  const [key, value, leaf] = [first![1] as Buffer, second![1] as Buffer, third![1] as Buffer];
  must(leaf.toString('hex') === '0801100118012a0100', 'another leaf operation');
  must(key.length > 0 && value.length > 0, 'empty');
  let hash = sha256(Buffer.of(0), sha256(key), sha256(value));
  const sides = rest.map(([, step]) => {
    const operation = (step as Buffer).toString('hex');
    const left = /^08011201011a20([0-9a-f]{64})$/.exec(operation);
    const right = /^0801122101([0-9a-f]{64})$/.exec(operation);
    const sibling = fromHex(left?.[1] ?? right?.[1] ?? refuse('another inner operation'));
    hash = left ? sha256(Buffer.of(1), hash, sibling) : sha256(Buffer.of(1), sibling, hash);
    return { isLeft: left !== null, sibling };
  });
  must(hash.equals(root), 'the proof leads to another root');
  // The sides must be the bits of the hashed key: what stands elsewhere is not the leaf of that key.
  const path = sha256(key);
  sides.reverse().forEach(({ isLeft }, depth) => {
    must((((path[depth >> 3]! >> (7 - (depth & 7))) & 1) === 0) === isLeft, 'a leaf away from its path');
  });
  return { key, value, sides };
}

/**
 * Absence by the tree itself: walk the hashed key down the proof of a neighbour until the paths part; there the key
 * would be in the sibling, so that sibling must be empty or, for the nearer neighbour, lead to the other neighbour.
 */
function checkAbsence(key: Buffer, left: Existence | null, right: Existence | null): void {
  const path = sha256(key);
  if (left !== null) must(Buffer.compare(sha256(left.key), path) < 0, 'the left neighbour is not on the left');
  if (right !== null) must(Buffer.compare(path, sha256(right.key)) < 0, 'the right neighbour is not on the right');
  must(left !== null || right !== null, 'no neighbours');
  let shared = 0;
  if (left !== null && right !== null) {
    while (shared < 256 && left.sides[shared]?.isLeft === right.sides[shared]?.isLeft) shared += 1;
    must(left.sides[shared]?.isLeft === true && right.sides[shared]?.isLeft === false, 'the neighbours do not part');
    shared += 1;
  }
  const outermost = (proof: Existence | null, side: boolean): boolean =>
    proof?.sides.slice(shared).every(({ isLeft, sibling }) => isLeft === side || sibling.equals(zero)) ?? true;
  must(outermost(left, false) && outermost(right, true), 'another key may stand between the neighbours');
}

function checkState(header: Header, subject: Fields): void {
  const [key, value, proof] = [hex(subject['key']), subject['value'], subject['proof']];
  const root = hex(header.json['stateRoot']);
  if (proof === null) {
    must(root.equals(zero) && value === null, 'no proof');
    return;
  }
  const [only, ...more] = protobuf(hex(proof));
  must(only !== undefined && more.length === 0 && only[1] instanceof Buffer, 'one proof expected');
  if (value !== null) {
    must(only[0] === 1, 'a proof of absence');
    const found = existenceOf(only[1], root);
    must(found.key.equals(key) && found.value.equals(hex(value)), 'the proof is of something else');
    return;
  }
  must(only[0] === 2, 'a proof of existence');
  const parts = protobuf(only[1]);
  must(/^1(,2)?(,3)?$/.test(parts.map(([number]) => number).join()), 'fields of a proof of absence');
  must((parts[0]![1] as Buffer).equals(key), 'the proof names another key');
  const neighbour = (field: number): Existence | null => {
    const part = parts.find(([number]) => number === field);
    return part === undefined ? null : existenceOf(part[1] as Buffer, root);
  };
  checkAbsence(key, neighbour(2), neighbour(3));
}

// --- bundle --------------------------------------------------------------------------------------------------------

function check(bundleJson: Json, genesis: PlainGenesis): void {
  const names = ['format', 'chainId', 'subject', 'header', 'commit', 'setChanges', 'tlogProof'];
  const bundle = fields(bundleJson, names);
  must(bundle['format'] === 'bpci/proof-bundle/v1', 'another format');
  const chain = genesisHash(genesis);
  must(hex(bundle['chainId'], 32).equals(chain), 'another chain');
  let members = genesisMembers(genesis);
  let height = 0;
  const follow = (json: Json | undefined, commit: Json | undefined): Header => {
    const header = headerOf(json);
    must(header.json['chainId'] === chain.toString('hex') && header.height > height, 'a header of elsewhere');
    must(header.json['validatorsHash'] === members.hash, 'a header of another set');
    checkSeals(chain, header, commit, members);
    height = header.height;
    return header;
  };
  for (const entry of items(bundle['setChanges'], 4096)) {
    const change = fields(entry, ['header', 'commit', 'nextValidators']);
    const header = follow(change['header'], change['commit']);
    members = jsonMembers(change['nextValidators']);
    must(header.json['nextValidatorsHash'] === members.hash, 'a set that no header names');
  }
  const header = follow(bundle['header'], bundle['commit']);
  const proof = bundle['tlogProof'];
  const kind = (bundle['subject'] as Fields | null)?.['type'];
  if (kind === 'transaction') {
    const order = ['type', 'height', 'index', 'transaction', 'result', 'logIndex', 'inclusion'];
    const subject = fields(bundle['subject'], order);
    checkTransaction(chain, header, subject);
    if (proof !== null) {
      must(typeof proof === 'string', 'text expected');
      checkTlogProof(chain, header, subject, members, proof);
    }
  } else {
    const subject = fields(bundle['subject'], ['type', 'key', 'value', 'proof']);
    must(subject['type'] === 'state' && proof === null, 'another subject');
    checkState(header, subject);
  }
}

/** null where the bundle proves its subject under the genesis, else why not. Anchoring is left to the caller. */
export function refusalOf(bundle: unknown, genesis: PlainGenesis): string | null {
  try {
    check(bundle as Json, genesis);
    return null;
  } catch (error) {
    if (error instanceof Refusal) return error.message;
    throw error;
  }
}
