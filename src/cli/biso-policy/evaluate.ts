/** `biso-policy evaluate`: one request, its state and why. */
import { type Command, Option } from 'commander';
import { evaluateRequest, type PolicyEvaluationResult } from '../../protocols/policy/evaluate.ts';
import { type Explanation, explainRequest } from '../../protocols/policy/explain.ts';
import { PolicyError } from '../../protocols/policy/policy-error.ts';
import { type PolicyEvaluationRequest, readRequest, regions, requestDigest } from '../../protocols/policy/request.ts';
import type { PolicyState } from '../../protocols/policy/rules.ts';
import { prepareCedarRules } from '../../runtime/adapters/cedar.ts';
import { readJsonFile } from '../../runtime/adapters/policy-pack.ts';
import { CommandError, formatElapsed, formatTable, type Terminal } from '../terminal.ts';
import { defaultPack, loadPack, type PolicyCommandContext } from './command-context.ts';

interface EvaluateFlags {
  readonly pack: string;
  readonly request?: string;
  readonly asOf?: string;
  readonly from?: string;
  readonly to?: string;
  readonly class: string;
  readonly operation: string;
  readonly purpose: string;
  readonly tenant: string;
  readonly recipient?: string;
  readonly contents: readonly string[];
  readonly basis: readonly string[];
  readonly safeguard: readonly string[];
  readonly circumstance: readonly string[];
  readonly recipientKind: readonly string[];
  readonly subjects: readonly string[];
  readonly count: readonly string[];
  readonly json?: true;
}

/** A country, or a region whose worst country counts. */
const placeOf = (name: string, flag: string): Readonly<Record<string, unknown>> => {
  if (name === 'US') return { region: 'US', country: 'US' };
  if ((regions as readonly string[]).includes(name)) return { region: name };
  if (!/^[A-Z]{2}(-[A-Z0-9]{1,3})?$/.test(name))
    throw new CommandError('usage', `${flag} ${name}: an ISO 3166 code (DE), or one of ${regions.join(', ')}`);
  return { country: name };
};

const countOf = (text: string): readonly [string, number] => {
  const [name = '', count = ''] = text.split('=');
  if (!/^\d{1,15}$/.test(count)) throw new CommandError('usage', `--count ${text}: NAME=NUMBER is needed`);
  return [name, Number(count)];
};

/** Which flag says what of a request. */
const flagOf: Readonly<Record<string, string>> = {
  ...{ classification: '--class', contents: '--contents', bases: '--basis', safeguards: '--safeguard' },
  ...{ circumstances: '--circumstance', operation: '--operation', purpose: '--purpose', counters: '--count' },
  ...{ dataSubjects: '--subjects', destination: '--to', source: '--from', subject: '--tenant' },
};

function requestOf(flags: EvaluateFlags): PolicyEvaluationRequest {
  if (flags.request !== undefined) return readJsonFile(flags.request, (json) => readRequest(json));
  if (flags.from === undefined || flags.to === undefined)
    throw new CommandError('usage', 'where from and where to is needed', ['--from DE --to US, or --request FILE']);
  const recipient = flags.recipient === undefined ? {} : { recipient: flags.recipient };
  try {
    return readRequest({
      subject: { tenant: flags.tenant, workload: 'command-line' },
      ...{ operation: flags.operation, classification: flags.class, contents: flags.contents, purpose: flags.purpose },
      source: placeOf(flags.from, '--from'),
      destination: { ...placeOf(flags.to, '--to'), ...recipient, recipientKinds: flags.recipientKind },
      ...{ dataSubjects: flags.subjects, bases: flags.basis, safeguards: flags.safeguard },
      ...{ circumstances: flags.circumstance, counters: Object.fromEntries(flags.count.map(countOf)) },
    });
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    const place = error.place.includes('recipientKinds')
      ? '--recipient-kind'
      : flagOf[error.place.split(/[.[]/)[0] ?? ''];
    throw new CommandError('usage', `${place ?? error.place}: ${error.message}`);
  }
}

const colours: Readonly<Record<PolicyState, 'green' | 'yellow' | 'red'>> = {
  Green: 'green',
  Yellow: 'yellow',
  Red: 'red',
};

function print(result: PolicyEvaluationResult, why: Explanation, terminal: Terminal): void {
  const { state, regimes, rules, obligations, faults, places } = result;
  terminal.out(`${terminal.paint(colours[state], state)}  ${places.source} → ${places.destination}`);
  if (regimes.length === 0) terminal.out('  no regime of the set applies');
  for (const regime of regimes.filter((candidate) => candidate.rules.length === 0))
    terminal.out(`  ${regime.regime}: Red, nothing permits it`);
  if (faults.length > 0) terminal.out(`  refused by the engine: ${faults.join(', ')}`);
  const ruleRows = rules.map((rule) => [`  rule ${rule.id}`, rule.regime, rule.state, rule.citation]);
  for (const line of formatTable(ruleRows)) terminal.out(line);
  if (obligations.length > 0) terminal.out('Obligations');
  const obligationRows = obligations.map(({ kind, phase, deadlineSeconds, proofBy }) => [
    `  ${kind}`,
    deadlineSeconds === null ? phase : `${phase}, within ${formatElapsed(deadlineSeconds * 1000)}`,
    proofBy === null ? 'applied by the enforcement point' : `proof by ${proofBy}`,
  ]);
  for (const line of formatTable(obligationRows)) terminal.out(line);
  for (const { regime, rule, conditions } of why.missing)
    terminal.out(`Missing for rule ${rule} (${regime}): ${conditions.join(', ')}`);
  for (const { state: other, add, remove } of why.counterfactuals) {
    const change = remove.length > 0 ? `without ${remove.join(' and ')}` : `if ${add.join(' and ')}`;
    terminal.out(`${terminal.paint(colours[other], other)} ${change}`);
  }
  terminal.out(
    terminal.paint(
      'dim',
      `as of ${result.asOf}, policy set ${result.policySetHash.slice(0, 16)}, facts ${result.factSetHash.slice(0, 16)}`,
    ),
  );
}

const words = (text: string, before: readonly string[]): readonly string[] => [
  ...before,
  ...text
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== ''),
];
const listOption = (flags: string, description: string): Option =>
  new Option(flags, `${description}; commas or several times`).argParser<readonly string[]>(words).default([], 'none');

function run(flags: EvaluateFlags, { terminal, wantsJson }: PolicyCommandContext): void {
  const request = requestOf(flags);
  const { pack, compiled } = loadPack(flags.pack, flags.asOf);
  const cedar = compiled.outside.length === 0 ? null : prepareCedarRules(pack.set);
  const options = cedar === null ? {} : { outside: cedar.matching };
  const startedMs = performance.now();
  const result = evaluateRequest(compiled, request, options);
  const evaluationMicroseconds = Math.round((performance.now() - startedMs) * 1000);
  const why = explainRequest(compiled, request, options);
  if (wantsJson() || flags.json === true)
    terminal.json({ ...result, ...why, requestDigest: requestDigest(request), evaluationMicroseconds });
  else print(result, why, terminal);
}

export function registerEvaluate(program: Command, context: PolicyCommandContext): void {
  program
    .command('evaluate')
    .description('the state of a flow, and why')
    .option('--pack <directory>', 'policy pack', defaultPack)
    .option('--request <file>', 'the whole request as JSON')
    .option('--as-of <day>', "facts as of this day instead of the pack's")
    .option('--from <place>', 'country, or US, EU, APAC, Global')
    .option('--to <place>', 'country, or US, EU, APAC, Global')
    .option('--class <classification>', 'Public, Internal, Confidential, Restricted', 'Confidential')
    .option('--operation <operation>', 'what is done', 'transfer')
    .option('--purpose <purpose>', 'what for', 'other')
    .option('--tenant <name>', 'who asks', 'command-line')
    .option('--recipient <name>', "recipient, as the facts' certificates name it")
    .addOption(listOption('--contents <kinds>', 'kinds of contents'))
    .addOption(listOption('--basis <bases>', 'grounds and instruments (dpf, scc, consent, eu-gdpr:A46-2-c)'))
    .addOption(listOption('--safeguard <safeguards>', 'safeguards'))
    .addOption(listOption('--circumstance <circumstances>', 'circumstances'))
    .addOption(listOption('--recipient-kind <kinds>', 'what the recipient is'))
    .addOption(listOption('--subjects <countries>', 'countries of the data subjects'))
    .addOption(listOption('--count <name=number>', 'counters of persons'))
    .option('--json', 'print JSON')
    .action((flags: EvaluateFlags) => run(flags, context));
}
