/** `bpci keys …`: a person's own keys. */
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
    .description('Write a copy of the key file, encrypted: for a backup, or another machine')
    .argument('<name>', 'name of the key')
    .argument('<file>', 'where to write it; never overwritten')
    .option(
      '--passphrase-variable <name>',
      'environment variable with the passphrase of the copy',
      'BPCI_EXPORT_PASSPHRASE',
    )
    .addHelpText('after', '\nExample:\n  $ BPCI_EXPORT_PASSPHRASE=… bpci keys export alice alice-backup.key')
    .action(async (name: string, file: string, options: { passphraseVariable: string }, command: Command) => {
      await context.keys.export(name, file, options.passphraseVariable);
      context.print(command, { name, file }, () => [`wrote ${file}`]);
    });
}
