/** `bpci keys …`: a person's own keys. */
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { formatTable } from '../terminal.ts';
import type { CommandContext } from './command-context.ts';

export function registerKeys(program: Command, context: CommandContext): void {
  const keys = program
    .command('keys')
    .description('Make and list your own keys')
    .addHelpText(
      'after',
      '\nKeys lie in ~/.bpci/keys, or in $BPCI_HOME/keys. With BPCI_PASSPHRASE set, key files are encrypted.\n\nExample:\n  $ bpci keys generate alice',
    );
  keys
    .command('generate')
    .description('Make a key')
    .argument('<name>', 'name of the key')
    .action(async (name: string, _options: object, command: Command) => {
      const made = await context.keys.generate(name);
      context.print(command, made, ({ publicKey, file }) => [
        `made key ${name}`,
        `public key  ${publicKey}`,
        `key file    ${file}  (keep it secret, keep a copy)`,
      ]);
    });
  keys
    .command('list')
    .description('List your keys')
    .action((_options: object, command: Command) => {
      const list = context.keys.list();
      context.print(command, { keys: list }, () =>
        list.length === 0
          ? ['no keys yet: npx bpci keys generate NAME']
          : formatTable([['NAME', 'PUBLIC KEY'], ...list.map(({ name, publicKey }) => [name, publicKey])]),
      );
    });
  keys
    .command('show')
    .description('Print the public key: what others send to')
    .argument('<name>', 'name of the key')
    .action((name: string, _options: object, command: Command) => {
      context.print(command, context.keys.find(name), ({ publicKey }) => [publicKey]);
    });
  keys
    .command('export')
    .description('Print the key file: whoever has it is you')
    .argument('<name>', 'name of the key')
    .addHelpText('after', '\nExample:\n  $ bpci keys export alice > alice.key   # a backup')
    .action((name: string) => {
      process.stdout.write(readFileSync(context.keys.find(name).file, 'utf8'));
    });
}
