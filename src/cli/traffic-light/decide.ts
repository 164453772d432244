/** `traffic-light decide|decision|decisions|proof|replay|status`. */
import type { Command } from 'commander';
import type { DecisionAnswer } from '../../actors/traffic/messages.ts';
import { ClientError } from '../../client/client-error.ts';
import type { TrafficClient } from '../../client/traffic-client.ts';
import type { TrafficDecision } from '../../protocols/traffic/receipt.ts';
import { readJsonFile } from '../bpci/command-context.ts';
import { exitCodes, formatTable, type Terminal } from '../terminal.ts';
import { clientOf, print, type TrafficContext } from './command-context.ts';

const colours: Readonly<Record<string, 'green' | 'yellow' | 'red'>> = { Green: 'green', Yellow: 'yellow', Red: 'red' };

function decisionLines(terminal: Terminal, decision: TrafficDecision): readonly string[] {
  const { state, enforcementAction, reasons, policy, obligations, id, logId, index, expires } = decision;
  return [
    `${terminal.paint(colours[state] ?? 'red', state)}  ${enforcementAction}  ${decision.complianceStatus}`,
    ...reasons.map((reason) => `because      ${reason}`),
    ...(policy?.faults ?? []).map((fault) => `because      ${fault}`),
    ...(policy?.regimes ?? [])
      .filter(({ rules }) => rules.length === 0)
      .map(({ regime }) => `because      ${regime} applies, and nothing of it permits the flow`),
    ...(policy?.rules ?? []).map((rule) => `rule         ${rule.id} (${rule.regime}) ${rule.citation}`),
    ...obligations.map(
      ({ id: name, phase, proofBy }) =>
        `obligation   ${name}, ${phase}${proofBy === null ? '' : `, proved by ${proofBy}`}`,
    ),
    `decision     ${id}`,
    `logged       entry ${index} of ${logId}`,
    ...(expires === null ? [] : [`expires      ${new Date(expires).toISOString()}, good for one use`]),
  ];
}

/** A decision and a receipt are told by the same kind of name: the hash of an entry. */
async function proofOf(client: TrafficClient, id: string): Promise<unknown> {
  try {
    return await client.proof(id);
  } catch (error) {
    if (!(error instanceof ClientError) || error.reason !== 'unknown-decision') throw error;
    return client.obeyedProof(id).catch((cause: unknown) => {
      throw cause instanceof ClientError && cause.reason === 'unknown-receipt' ? error : cause;
    });
  }
}

export function registerDecide(program: Command, context: TrafficContext): void {
  const { terminal } = context;
  program
    .command('decide')
    .description('Decide a request; exit code 0 only where the flow may pass')
    .argument('<file>', 'the request as JSON: docs/formats/traffic-request.schema.json')
    .action(async (file: string) => {
      const answer = (await clientOf(context).decide(readJsonFile(file, 'request'))) as DecisionAnswer;
      print(context, answer, ({ decision }) => decisionLines(terminal, decision));
      const { enforcementAction } = answer.decision;
      if (enforcementAction !== 'none' && enforcementAction !== 'log') process.exitCode = exitCodes.failed;
    });
  program
    .command('decision')
    .description('Show a decision')
    .argument('<id>', 'as decide prints it')
    .action(async (id: string) => {
      const answer = (await clientOf(context).decision(id)) as DecisionAnswer;
      print(context, answer, ({ decision }) => decisionLines(terminal, decision));
    });
  program
    .command('decisions')
    .description('List decisions, the newest first')
    .option('--state <state>', 'Green, Yellow or Red')
    .option('--tenant <name>', 'of this tenant')
    .option('--limit <count>', 'at most', '20')
    .action(async (filter: Readonly<Record<string, string>>) => {
      const decisions = (await clientOf(context).decisions(filter)) as readonly TrafficDecision[];
      print(context, decisions, (all) =>
        formatTable([
          ['time', 'state', 'action', 'from', 'to', 'id'],
          ...all.map(({ time, state, enforcementAction, policy, id }) => [
            ...[new Date(time).toISOString(), state, enforcementAction],
            ...[policy?.places.source ?? '', policy?.places.destination ?? '', id],
          ]),
        ]),
      );
    });
  program
    .command('proof')
    .description('Print the proof of a decision, or of the receipt by which an order was confirmed, for bpci verify')
    .argument('<id>', 'as decide prints it, or agreement-court status of a case')
    .action(async (id: string) => terminal.json(await proofOf(clientOf(context), id)));
  program
    .command('replay')
    .description('Make a decision again from its log entry and compare the bytes')
    .requiredOption('--decision <id>', 'as decide prints it')
    .action(async ({ decision }: { decision: string }) => {
      const verdict = (await clientOf(context).replay(decision)) as { readonly kind: string; readonly reason?: string };
      print(context, verdict, ({ kind, reason }) => [reason === undefined ? kind : `${kind}: ${reason}`]);
      if (verdict.kind !== 'same') process.exitCode = exitCodes.failed;
    });
  program
    .command('status')
    .description('The log, its anchor, the quarantine, the active policy set')
    .action(async () => {
      const status = (await clientOf(context).status()) as Readonly<Record<string, unknown>>;
      print(context, status, (all) =>
        Object.entries(all).map(([name, value]) => `${name.padEnd(13)} ${String(value)}`),
      );
    });
}
