/**
 * Checks a proof bundle with nothing but a genesis document that the reader trusts: no node, no network.
 *
 *   npx tsx examples/devnet.ts ./proofs && npx tsx examples/verify-proof.ts ./proofs/proof.json ./proofs/genesis.json
 */
import { readFileSync } from 'node:fs';
import { createVerifier, genesisFromJson, proofBundleCodec, readJson, verifyBundle } from 'bpci';

const [, , proofFile, genesisFile] = process.argv;
if (proofFile === undefined || genesisFile === undefined) throw new Error('usage: verify-proof PROOF GENESIS');
const parse = (file: string): unknown => JSON.parse(readFileSync(file, 'utf8'));

// Reading is strict: a field that is unknown, missing or of another type is a problem, and each is named.
const genesis = genesisFromJson(parse(genesisFile));
const bundle = readJson(proofBundleCodec, parse(proofFile));
if ('problems' in genesis) throw new Error(`not a genesis document: ${JSON.stringify(genesis.problems)}`);
if ('problems' in bundle) throw new Error(`not a proof bundle: ${JSON.stringify(bundle.problems)}`);

const { verify } = createVerifier();
const { verdict, checks } = verifyBundle(bundle.value, genesis.value, { verifySignature: verify });
for (const { check, ok, detail } of checks) console.log(`${ok ? 'holds' : 'FAILS'}  ${check}: ${detail}`);
console.log(verdict);
process.exitCode = verdict === 'valid' ? 0 : 1;
