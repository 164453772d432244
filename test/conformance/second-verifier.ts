/**
 * A second verifier of proof bundles, written from docs/formats/proof-bundle.md: it shares no code with the first, reads
 * the JSON as it stands, and uses the hashes and signatures of node:crypto only. Slow and plain on purpose.
 */
import { createPublicKey, verify as verifyWithKey } from 'node:crypto';
import {
  array,
  bin,
  count,
  type Fields,
  fields,
  fromHex,
  hex,
  items,
  type Json,
  must,
  nil,
  pack,
  type Packed,
  Refusal,
  refuse,
  sha256,
  tag,
  text,
  uint,
  unpack,
} from './second-encoding.ts';
import { checkStateProof } from './second-state-proof.ts';

const parameterOrder = [
  'blockTimeMs',
  'emptyBlockPeriodMs',
  'finalityThreshold',
  'roundTimeoutBaseMs',
  'roundTimeoutMaxMs',
  'voteLapseBlocks',
  'evidenceAgeBlocks',
  'unbondingBlocks',
  'trustPeriodBlocks',
  'checkpointIntervalBlocks',
] as const;

/** What of the genesis document enters its hash, as plain data; bytes as Uint8Array, keys as hex. */
export interface PlainGenesis {
  readonly chainName: string;
  readonly time: number;
  readonly protocolVersion: number;
  readonly parameters: Readonly<Record<(typeof parameterOrder)[number], number>>;
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

function genesisHash(genesis: PlainGenesis): Buffer {
  const { previous, networkAuthority } = genesis;
  const document = array(
    text(genesis.chainName),
    uint(genesis.time),
    uint(genesis.protocolVersion),
    array(...parameterOrder.map((name) => uint(genesis.parameters[name]))),
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
  const quorum = Math.max(Math.ceil((2 * n) / 3), Math.ceil((n * genesis.parameters.finalityThreshold) / 100));
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
  const [chainBytes, , , , , , signature] = parts as [Uint8Array, Packed, Packed, Packed, Packed, Packed, Uint8Array];
  must(chain.equals(chainBytes), 'a transaction of another chain');
  const message = Buffer.concat([tag('bpci/transaction/v1'), chain, pack(parts.slice(0, 6))]);
  must(signed(hex(subject['signer'], 32), message, signature), 'not signed under the key named');
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

// --- bundle --------------------------------------------------------------------------------------------------------

function checkState(header: Header, subject: Fields): void {
  const [value, proof] = [subject['value'], subject['proof']];
  checkStateProof(
    hex(header.json['stateRoot']),
    hex(subject['key']),
    value === null ? null : hex(value),
    proof === null ? null : hex(proof),
  );
}

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
    const order = ['type', 'height', 'index', 'transaction', 'signer', 'result', 'logIndex', 'inclusion'];
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
