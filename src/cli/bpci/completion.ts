/** `bpci completion bash|zsh|fish`: a script for the shell, made from the commands themselves. */
import type { Command } from 'commander';
import { CommandError } from '../terminal.ts';

/** Every command by its words, with the words and options that may follow. */
function completions(program: Command): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, readonly string[]>();
  const visit = (command: Command, path: readonly string[]): void => {
    const options = command.options.flatMap(({ long }) => (long === undefined ? [] : [long]));
    found.set(path.join(' '), [...command.commands.map((child) => child.name()), ...options, '--help']);
    for (const child of command.commands) visit(child, [...path, child.name()]);
  };
  visit(program, []);
  return found;
}

const bash = (name: string, table: ReadonlyMap<string, readonly string[]>): string => {
  const cases = [...table].map(([path, words]) => `    '${path}') words='${words.join(' ')}' ;;`);
  return `_${name}() {
  local path='' word words=''
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in -*) ;; *) path="\${path:+$path }$word" ;; esac
  done
  case "$path" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _${name} ${name}
`;
};

const zsh = (name: string, table: ReadonlyMap<string, readonly string[]>): string =>
  `autoload -U +X bashcompinit && bashcompinit\n${bash(name, table)}`;

const fish = (name: string, table: ReadonlyMap<string, readonly string[]>): string =>
  [...table]
    .flatMap(([path, words]) => {
      const seen =
        path === '' ? '__fish_use_subcommand' : `__fish_seen_subcommand_from ${path.split(' ').at(-1) ?? ''}`;
      return words.map((word) =>
        word.startsWith('--')
          ? `complete -c ${name} -n '${seen}' -l ${word.slice(2)}`
          : `complete -c ${name} -n '${seen}' -f -a ${word}`,
      );
    })
    .join('\n')
    .concat('\n');

export function registerCompletion(program: Command): void {
  program
    .command('completion')
    .description('Print a completion script for your shell')
    .argument('<shell>', 'bash, zsh or fish')
    .addHelpText('after', '\nExample:\n  $ source <(bpci completion bash)')
    .action((shell: string) => {
      const make = { bash, zsh, fish }[shell];
      if (make === undefined) throw new CommandError('usage', `${shell} is none of bash, zsh, fish`);
      process.stdout.write(make(program.name(), completions(program)));
    });
}
