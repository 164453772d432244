/** `bpci verify` (offline) and `bpci log verify` (against a node that is not believed). */
import type { Command } from 'commander';
import { verifyServedLog } from '../../client/log-audit.ts';
import { auditArchiveCodec, auditArchiveFormat, verifyArchive } from '../../protocols/audit/archive.ts';
import { receiptProofCodec, receiptProofFormat, verifyReceiptProof } from '../../protocols/enc/receipt-proof.ts';
import { genesisFromJson } from '../../protocols/ledger/genesis-json.ts';
import { chainIdOf, type Genesis } from '../../protocols/ledger/genesis.ts';
import { type JsonCodec, readJson } from '../../protocols/ledger/json-codec.ts';
import { proofBundleCodec } from '../../protocols/ledger/proof-bundle.ts';
import {
  type BundleVerification,
  verifyBundle,
  type VerifyBundleOptions,
} from '../../protocols/ledger/verify-bundle.ts';
import {
  decisionProofCodec,
  decisionProofFormat,
  verifyDecisionProof,
} from '../../protocols/traffic/decision-proof.ts';
import type { EntryProof, EntryVerification } from '../../protocols/traffic/entry-proof.ts';
import { obeyedProofCodec, obeyedProofFormat, verifyObeyedProof } from '../../protocols/traffic/obeyed-proof.ts';
import { type Digest, isHex64 } from '../../protocols/shared/brands.ts';
import { createVerifier } from '../../runtime/adapters/ed25519.ts';
import { CommandError, exitCodes, type Terminal } from '../terminal.ts';
import { type CommandContext, readJsonFile } from './command-context.ts';
import { wholeNumber } from './chain-commands.ts';

interface VerifyOptions {
  readonly genesis: string;
  readonly trusted?: { readonly height: number; readonly digest: Digest };
  readonly currentHeight?: number;
}

/** A file that somebody wants verified. */
interface Given {
  readonly context: CommandContext;
  readonly command: Command;
  readonly file: string;
  readonly json: unknown;
  readonly genesis: Genesis;
  readonly options: VerifyOptions;
}

const verifyHelp = `
--current-height: validators that left the set long ago can forge a chain of their own at no cost, so a proof older than
the trust period is unanchored without --trusted. No file says how old it is by now. Without this option the chain is
taken to stand at the height of the bundle's own header, and an old proof passes for a young one.

--trusted: the bundle must pass through that header. The node makes it so: bpci tx proof HASH --through HEIGHT.

Exit code 0: every check holds. 1: refused, or unanchored.

Examples:
  $ bpci verify proof.json --genesis genesis.json --current-height 52000
  $ bpci tx proof HASH --through 51000 > proof.json
  $ bpci verify proof.json --genesis genesis.json --current-height 52000 --trusted 51000:5f…`;

export function registerVerify(program: Command, context: CommandContext): void {
  program
    .command('verify')
    .description(
      'Verify a proof of a transaction, decision, obeyed order or execution receipt, or an audit archive, with no node',
    )
    .argument('<file>', 'as bpci tx proof, traffic-light proof or mainnet audit export prints it')
    .requiredOption('--genesis <file>', 'genesis.json of the chain, from somebody you trust')
    .option(
      '--current-height <height>',
      'where the chain stands now; without it an old proof passes for a young one',
      wholeNumber,
    )
    .option('--trusted <height:hash>', 'a final header that you know from elsewhere', trustedHeader)
    .addHelpText('after', verifyHelp)
    .action((file: string, options: VerifyOptions, command: Command) => {
      const genesis = readGenesis(options.genesis);
      const json = readJsonFile(file, 'proof');
      const given = { context, command, file, json, genesis, options };
      if (isOfFormat(json, auditArchiveFormat)) {
        verifyAuditArchive(given);
        return;
      }
      if (isOfFormat(json, decisionProofFormat)) {
        verifyDecision(given);
        return;
      }
      if (isOfFormat(json, receiptProofFormat)) {
        verifyReceipt(given);
        return;
      }
      if (isOfFormat(json, obeyedProofFormat)) {
        verifyObeyed(given);
        return;
      }
      const bundle = readAs(proofBundleCodec, json, `${file} is no proof bundle`);
      const verification = verifyBundle(bundle, genesis, verifyOptions(options));
      const assumed = options.currentHeight === undefined ? bundle.header.height : null;
      context.print(command, verification, (found) => verificationLines(context.terminal, found, assumed));
      if (verification.verdict !== 'valid') process.exitCode = exitCodes.failed;
    });
  registerLogVerify(program, context);
}

function verifyOptions({ trusted, currentHeight }: VerifyOptions): VerifyBundleOptions {
  const verifier = createVerifier();
  return {
    verifySignature: (key, message, signature) => verifier.verify(key, message, signature),
    ...(trusted === undefined ? {} : { trusted }),
    ...(currentHeight === undefined ? {} : { currentHeight }),
  };
}

const isOfFormat = (json: unknown, format: string): boolean =>
  typeof json === 'object' && json !== null && 'format' in json && json.format === format;

/** Throws CommandError with what is wrong where. */
function readAs<T>(codec: JsonCodec<T>, json: unknown, otherwise: string): T {
  const read = readJson(codec, json);
  if ('value' in read) return read.value;
  const lines = read.problems.slice(0, 20).map(({ path, message }) => `${path === '' ? 'document' : path}: ${message}`);
  throw new CommandError('failed', otherwise, lines);
}

/** A tenant's archive: every proof in it, and that its parts rest on each other. */
function verifyAuditArchive({ context, command, file, json, genesis, options }: Given): void {
  const archive = readAs(auditArchiveCodec, json, `${file} is no audit archive`);
  const verification = verifyArchive(archive, genesis, verifyOptions(options));
  const { terminal } = context;
  const words = {
    valid: terminal.paint('green', 'valid'),
    unanchored: terminal.paint(
      'yellow',
      'unanchored: a log is not anchored yet, or a recent header is needed (--trusted)',
    ),
    invalid: terminal.paint('red', 'refused'),
  };
  context.print(command, verification, ({ verdict, checks }) => [
    ...checks.map(({ part, id, ok, detail }) =>
      checkLine(terminal, { name: part, ok, detail: `${id.slice(0, 16)}  ${detail}` }),
    ),
    words[verdict],
  ]);
  if (verification.verdict !== 'valid') process.exitCode = exitCodes.failed;
}

/** A traffic light's decision: its log's inclusion, and the anchor's bundle where there is one. */
function verifyDecision({ context, command, file, json, genesis, options }: Given): void {
  const proof = readAs(decisionProofCodec, json, `${file} is no decision proof`);
  const verification = verifyDecisionProof(proof, genesis, verifyOptions(options));
  context.print(command, verification, ({ decision }) =>
    entryLines(context.terminal, proof, verification, [
      ...(decision === null ? [] : [`decision     ${decision.id}: ${decision.state}, ${decision.enforcementAction}`]),
    ]),
  );
  if (verification.verdict !== 'valid') process.exitCode = exitCodes.failed;
}

/** That a light obeys an order of the court: the receipt that the case shows. */
function verifyObeyed({ context, command, file, json, genesis, options }: Given): void {
  const proof = readAs(obeyedProofCodec, json, `${file} is no proof that an order is obeyed`);
  const verification = verifyObeyedProof(proof, genesis, verifyOptions(options));
  context.print(command, verification, ({ obeyed }) =>
    entryLines(context.terminal, proof, verification, [
      ...(obeyed === null
        ? []
        : [
            `receipt      ${obeyed.id}`,
            `obeyed       ${obeyed.effect}, action ${obeyed.action} of case ${obeyed.case}, from block ${obeyed.height} on`,
          ]),
    ]),
  );
  if (verification.verdict !== 'valid') process.exitCode = exitCodes.failed;
}

/** A cluster's receipt of an execution: its batch, its lease, its cluster, each on chain. */
function verifyReceipt({ context, command, file, json, genesis, options }: Given): void {
  const proof = readAs(receiptProofCodec, json, `${file} is no proof of a receipt`);
  const verification = verifyReceiptProof(proof, genesis, verifyOptions(options));
  const { terminal } = context;
  const words = {
    valid: terminal.paint('green', 'valid'),
    unanchored: terminal.paint('yellow', 'unanchored: a recent header is needed (--trusted)'),
    invalid: terminal.paint('red', 'refused'),
  };
  context.print(command, verification, ({ verdict, checks, execution }) => [
    ...checks.map(({ check, ok, detail }) => checkLine(terminal, { name: check, ok, detail })),
    ...(execution === null
      ? []
      : [
          `workload     ${execution.workload}, image ${execution.image}`,
          `execution    lease ${execution.epoch} at ${execution.cluster}, ${execution.exit.kind}`,
          `rests on     decision ${execution.decision}, policies ${execution.policySet ?? 'none'}`,
          ...execution.agreements.map((agreement) => `agreement    ${agreement}`),
        ]),
    words[verdict],
  ]);
  if (verification.verdict !== 'valid') process.exitCode = exitCodes.failed;
}

function entryLines(
  terminal: Terminal,
  { anchor }: EntryProof,
  { verdict, checks }: EntryVerification,
  found: readonly string[],
): readonly string[] {
  const verdictLine =
    verdict === 'valid'
      ? terminal.paint('green', 'valid')
      : verdict === 'unanchored' && anchor === null
        ? terminal.paint(
            'yellow',
            'unanchored: the log is not anchored on chain up to this entry yet; ask for the proof again',
          )
        : terminal.paint('red', verdict === 'invalid' ? 'refused' : verdict);
  return [
    ...checks.map(({ check, ok, detail }) => checkLine(terminal, { name: check, ok, detail })),
    ...found,
    verdictLine,
  ];
}

function registerLogVerify(program: Command, context: CommandContext): void {
  const log = program.command('log').description('The transparency log');
  log
    .command('verify')
    .description('Fetch the checkpoint and every tile and entry, and check them against each other')
    .option(
      '--genesis <file>',
      'genesis.json from somebody you trust; without it the validators of the node are believed',
    )
    .addHelpText('after', '\nExample:\n  $ bpci log verify --genesis genesis.json')
    .action(async (options: { genesis?: string }, command: Command) => {
      const client = await context.client(command);
      const genesis = options.genesis === undefined ? null : readGenesis(options.genesis);
      const network = await client.network();
      if (genesis !== null && chainIdOf(genesis) !== network.chainId) {
        throw new CommandError('failed', 'the node is of another chain than the genesis document', [
          `node     ${network.chainId}`,
          `genesis  ${chainIdOf(genesis)}`,
        ]);
      }
      const validators = await client.validators();
      const verifier = createVerifier();
      const audit = await verifyServedLog({
        fetchFile: (path) => client.logFile(path),
        chainId: network.chainId,
        validators: validators.map(({ publicKey }) => publicKey),
        finalityThreshold: network.parameters['finalityThreshold'] ?? 67,
        verifySignature: (key, message, signature) => verifier.verify(key, message, signature),
        onProgress: (done, all) => {
          if (process.stderr.isTTY) process.stderr.write(`\r${done} of ${all} files`);
        },
      });
      if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
      context.print(command, audit, ({ checks, size, root }) => [
        ...checks.map((check) => checkLine(context.terminal, check)),
        `log of ${size} entries, root ${root}`,
      ]);
      if (!audit.ok) process.exitCode = exitCodes.failed;
    });
}

/** `assumedHeight`: the age was judged as of this height because nobody said a higher one. */
function verificationLines(
  terminal: Terminal,
  found: BundleVerification,
  assumedHeight: number | null,
): readonly string[] {
  const { verdict, checks, headerDigest, transactionHash } = found;
  const words = {
    valid: terminal.paint('green', 'valid'),
    unanchored: terminal.paint(
      'yellow',
      'unanchored: give a recent header that you trust with --trusted HEIGHT:HASH (tx proof --through HEIGHT)',
    ),
    invalid: terminal.paint('red', 'refused'),
  };
  return [
    ...checks.map(({ check, ok, detail }) => checkLine(terminal, { name: check, ok, detail })),
    ...(transactionHash === null ? [] : [`transaction  ${transactionHash}`]),
    `header       ${headerDigest}`,
    ...(assumedHeight === null
      ? []
      : [terminal.paint('yellow', `age judged as of height ${assumedHeight}, the proof's own: give --current-height`)]),
    words[verdict],
  ];
}

const checkLine = (
  terminal: Terminal,
  { name, ok, detail }: { readonly name: string; readonly ok: boolean; readonly detail: string },
): string =>
  `${ok ? terminal.paint('green', 'ok    ') : terminal.paint('red', 'FAILED')}  ${name.padEnd(18)}  ${detail}`;

function trustedHeader(text: string): { height: number; digest: Digest } {
  const [heightText = '', digest = '', ...rest] = text.split(':');
  if (rest.length > 0 || !/^[0-9]{1,15}$/.test(heightText) || !isHex64(digest)) {
    throw new CommandError('usage', `${text} is not HEIGHT:HASH`, ['Example: --trusted 1200:5f…  (64 hex digits)']);
  }
  return { height: Number(heightText), digest: digest as Digest };
}

export function readGenesis(file: string): Genesis {
  const read = genesisFromJson(readJsonFile(file, 'genesis document'));
  if ('value' in read) return read.value;
  throw new CommandError(
    'usage',
    `${file} is no genesis document`,
    read.problems.slice(0, 20).map(({ path, message }) => `${path}: ${message}`),
  );
}
