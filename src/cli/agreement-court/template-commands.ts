/** `agreement-court template …` and `check`: documents from templates, with no node at all. */
import { createHash, randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { type AgreementTemplate, fillTemplate } from '../../protocols/ledger/modules/court/agreement-template.ts';
import {
  type AgreementDocument,
  documentId,
  readAgreementDocument,
} from '../../protocols/ledger/modules/court/agreement-document.ts';
import { findBuiltInJurisdiction } from '../../protocols/ledger/modules/court/jurisdictions.ts';
import type { JsonProblem } from '../../protocols/ledger/json-codec.ts';
import { type CommandContext, readJsonFile, readText } from '../bpci/command-context.ts';
import { CommandError, formatTable } from '../terminal.ts';

const directory = fileURLToPath(new URL('../../../templates/agreements/', import.meta.url));

const templateNames = (): readonly string[] =>
  readdirSync(directory)
    .filter((file) => file.endsWith('.json'))
    .map((file) => file.slice(0, -'.json'.length))
    .sort();

/** Throws CommandError `usage`. */
function readTemplate(name: string): AgreementTemplate {
  const names = templateNames();
  if (!names.includes(name)) {
    throw new CommandError('usage', `there is no template ${name}`, [`Templates: ${names.join(', ')}`]);
  }
  return readJsonFile(join(directory, `${name}.json`), 'template') as AgreementTemplate;
}

const problemLines = (problems: readonly JsonProblem[]): readonly string[] =>
  problems.map(({ path, message }) => `${path}: ${message}`);

/** An agreement from a file. Throws CommandError `usage` with every problem and its path. */
export function readAgreement(file: string): AgreementDocument {
  const read = readAgreementDocument(readJsonFile(file, 'agreement'), findBuiltInJurisdiction);
  if ('value' in read) return read.value;
  throw new CommandError('usage', `${file} is no agreement that can be made`, problemLines(read.problems));
}

/** `name=value` pairs. Throws CommandError `usage`. */
function collect(text: string, before: readonly string[]): readonly string[] {
  if (/^[a-z][A-Za-z0-9]*=/.test(text)) return [...before, text];
  throw new CommandError('usage', `${text} sets nothing`, ['Example: --set customer=KEY']);
}

interface FillOptions {
  readonly set: readonly string[];
  readonly prose?: string;
}

/** Values as given; names of one's own keys stand for their public keys, the salt is drawn, the prose is hashed. */
function givenValues(
  template: AgreementTemplate,
  options: FillOptions,
  context: CommandContext,
): Record<string, string> {
  const accounts = new Set(template.variables.filter(({ kind }) => kind === 'account').map(({ name }) => name));
  const pairs = options.set.map((text): [string, string] => {
    const cut = text.indexOf('=');
    const name = text.slice(0, cut);
    const value = text.slice(cut + 1);
    return [name, accounts.has(name) ? context.keys.resolve(value) : value];
  });
  const prose = options.prose;
  return {
    salt: randomBytes(32).toString('hex'),
    ...(prose === undefined
      ? {}
      : { proseDigest: createHash('sha256').update(readText(prose, '--prose')).digest('hex') }),
    ...(Object.fromEntries(pairs) as Record<string, string>),
  };
}

export function registerTemplates(program: Command, context: CommandContext): void {
  const template = program.command('template').description('Templates of agreements');
  template
    .command('list')
    .description('List the templates')
    .action((_options: object, command: Command) => {
      const rows = templateNames().map((name) => ({ name, description: readTemplate(name).description }));
      context.print(command, { templates: rows }, () =>
        formatTable([['template', 'for'], ...rows.map(({ name, description }) => [name, description])]),
      );
    });
  template
    .command('show')
    .description('Show the blanks of a template')
    .argument('<name>', 'template')
    .action((name: string, _options: object, command: Command) => {
      const found = readTemplate(name);
      context.print(command, found, ({ variables }) =>
        formatTable([
          ['blank', 'kind', 'default', 'meaning'],
          ...variables.map((each) => [each.name, each.kind, each.default ?? '(needed)', each.description]),
        ]),
      );
    });
  template
    .command('fill')
    .description('Print an agreement made from a template')
    .argument('<name>', 'template')
    .option('--set <name=value>', 'fill a blank; accounts may be names of your keys', collect, [])
    .option('--prose <file>', 'text that people sign; its SHA-256 goes into the agreement')
    .addHelpText(
      'after',
      '\nExample:\n  $ agreement-court template fill service --prose sla.txt --set customer=acme … > sla.json',
    )
    .action((name: string, options: FillOptions) => {
      const found = readTemplate(name);
      const result = fillTemplate(found, givenValues(found, options, context));
      if ('problems' in result) {
        throw new CommandError('usage', `the template ${name} is not filled`, problemLines(result.problems));
      }
      context.terminal.json(result.document);
    });
  program
    .command('check')
    .description('Check an agreement and print its name')
    .argument('<file>', 'agreement')
    .action((file: string, _options: object, command: Command) => {
      const id = documentId(readAgreement(file));
      context.print(command, { agreement: id }, () => [id]);
    });
}
