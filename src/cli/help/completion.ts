/** `telpty completion SHELL`: completion scripts, generated from the tables of commands and options. */

import { escapeText } from '../../shells/output/escape.ts';
import { nearest } from '../../suggestion.ts';
import { splitArguments } from '../options/arguments.ts';
import { helpOnly, type OptionSpec, wordsOf } from '../options/options.ts';
import { usage } from '../options/usage.ts';
import { type Command, commands, shells } from './command-table.ts';

type Shell = (typeof shells)[number];

/** Reads the arguments of `telpty completion`. Returns `'help'` if help was requested. */
export function parseCompletion(argv: readonly string[]): { readonly shell: Shell } | 'help' {
  const { operands, help } = splitArguments(helpOnly, argv);
  if (help) return 'help';
  const [name, ...more] = operands;
  if (name === undefined || more.length > 0) throw usage(`completion: name one shell (${shells.join(', ')})`);
  const shell = shells.find(known => known === name);
  if (shell !== undefined) return { shell };
  const similar = nearest(name, shells);
  const advice = similar === undefined ? shells.join(', ') : `did you mean ${similar}?`;
  throw usage(`completion: unknown shell ${escapeText(name, 60)} (${advice})`);
}

/** The script for a shell. */
export function completionScript(shell: Shell): string {
  return { bash, zsh, fish }[shell]();
}

const SUMMARIES: readonly (readonly [name: string, summary: string])[] = [
  ...[...commands].map(([name, { summary }]) => [name, summary] as const),
  ['help', 'print the help of telpty or of a command'],
];
const names = SUMMARIES.map(([name]) => name);

const optionsOf = ({ sections }: Command) => sections.flatMap(({ options }) => Object.entries<OptionSpec>(options));
const takesValue = (command: Command) => optionsOf(command).filter(([, { argument }]) => argument !== undefined);

/** The kind of an option's value: a file, a directory, or another value. */
function kindOf({ argument }: OptionSpec): 'file' | 'directory' | undefined {
  if (argument === 'FILE') return 'file';
  return argument === 'DIR' || argument === 'PATH' ? 'directory' : undefined;
}

function bash(): string {
  const values = [...commands].flatMap(([name, command]) =>
    takesValue(command).flatMap(([option, spec]) => {
      const kind = kindOf(spec);
      const words = wordsOf(spec);
      const pattern = `      '${name} --${option}')`;
      if (kind !== undefined) return `${pattern} _telpty_paths ${kind === 'file' ? '-f' : '-d'} "$cur" ;;`;
      return words.length === 0 ? [] : `${pattern} _telpty_words '${words.join(' ')}' "$cur" ;;`;
    }),
  );
  const valued = [...commands].map(
    ([name, command]) =>
      `          ${takesValue(command)
        .map(([option]) => `'${name} --${option}'`)
        .join(' | ')}) option=$word ;;`,
  );
  const options = [...commands].map(([name, command]) => {
    const words = optionsOf(command).flatMap(([option, { short }]) => [`--${option}`, ...(short ? [`-${short}`] : [])]);
    return `      ${name}) _telpty_words '${words.join(' ')}' "$cur" ;;`;
  });
  const operands = [...commands].map(([name, { operands: kind }]) => {
    if (kind === 'program') {
      return `    ${name}) if ((operands > 0)); then _telpty_paths -f "$cur"; else _telpty_paths -c "$cur"; fi ;;`;
    }
    if (kind === 'host') return `    ${name}) ((operands > 0)) || _telpty_reply < <(compgen -A hostname -- "$cur") ;;`;
    if (kind === 'file') return `    ${name}) _telpty_paths -f "$cur" ;;`;
    return `    ${name}) ((operands > 0)) || _telpty_words '${kind.join(' ')}' "$cur" ;;`;
  });
  return `# Completion of telpty for bash, made by "telpty completion bash".
_telpty_reply() {
  local line
  while IFS= read -r line; do COMPREPLY+=("$line"); done
}
_telpty_words() {
  _telpty_reply < <(compgen -W "$1" -- "$2")
}
_telpty_paths() {
  # Bash 3.2 has no compopt.
  compopt -o filenames 2>/dev/null
  _telpty_reply < <(compgen "$1" -- "$2")
}
_telpty() {
  local cur=\${COMP_WORDS[COMP_CWORD]} command='' option='' word
  local -i i operands=0
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    # Readline cuts --mode=raw into three words.
    if [[ $word == '=' ]]; then
      option=\${COMP_WORDS[i-1]}
    elif [[ -n $option ]]; then
      option=''
    elif [[ -z $command ]]; then
      [[ $word == -* ]] || command=$word
    elif ((operands > 0)); then
      operands+=1
    else
      case $word in
        --) operands=1 ;;
        -*) case "$command $word" in
${valued.filter(line => !line.trimStart().startsWith(')')).join('\n')}
        esac ;;
        *) operands+=1 ;;
      esac
    fi
  done
  if [[ -n $option ]]; then
    [[ $cur == '=' ]] && cur=''
    case "$command $option" in
${values.join('\n')}
    esac
    return
  fi
  if ((operands == 0)) && [[ $cur == -* ]]; then
    case $command in
      '') _telpty_words '--help -h --version -V' "$cur" ;;
${options.join('\n')}
    esac
    return
  fi
  case $command in
    '') _telpty_words '${names.join(' ')}' "$cur" ;;
    help) _telpty_words '${[...commands.keys()].join(' ')}' "$cur" ;;
${operands.join('\n')}
  esac
}
complete -F _telpty telpty
`;
}

/** Text in single quotes, as all these shells support them; fish also treats a backslash in them as an escape. */
const quote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
const plain = (text: string) => text.replaceAll('`', '');

function zsh(): string {
  const description = (text: string) =>
    plain(text)
      .replaceAll('\\', '\\\\')
      .replace(/[[\]:]/g, '\\$&');
  const specs = (command: Command) =>
    optionsOf(command).map(([option, spec]) => {
      const help = `[${description(spec.help)}]`;
      if (spec.short !== undefined)
        return `${quote(`(-${spec.short} --${option})`)}{-${spec.short},--${option}}${quote(help)}`;
      if (spec.argument === undefined) return quote(`--${option}${help}`);
      const kind = kindOf(spec);
      const words = wordsOf(spec);
      const action =
        kind === 'file'
          ? '_files'
          : kind === 'directory'
            ? '_files -/'
            : words.length > 0
              ? `(${words.join(' ')})`
              : ' ';
      return quote(`${spec.repeatable ? '*' : ''}--${option}=${help}:${description(spec.argument)}:${action}`);
    });
  const operands = ({ operands: kind }: Command) => {
    if (kind === 'program') return [`'(-)1:program:_command_names -e'`, `'*::argument:_normal'`];
    if (kind === 'host') return [`'1:host:_hosts'`, `'2:port: '`];
    if (kind === 'file') return [`'1:file:_files'`];
    return [`'1:shell:(${kind.join(' ')})'`];
  };
  const cases = [...commands].map(
    ([name, command]) =>
      `        ${name})\n          _arguments -A '-*' \\\n            ${[...specs(command), ...operands(command)].join(' \\\n            ')} ;;`,
  );
  return `#compdef telpty
# Completion of telpty for zsh, made by "telpty completion zsh".
_telpty() {
  local curcontext=$curcontext state line
  local -a commands
  _arguments -C -A '-*' \\
    '(- *)'{-h,--help}'[print this help]' \\
    '(- *)'{-V,--version}'[print the version]' \\
    '1:command:->command' \\
    '*::argument:->argument'
  case $state in
    command)
      commands=(
${SUMMARIES.map(([name, summary]) => `        ${quote(`${name}:${summary}`)}`).join('\n')}
      )
      _describe command commands ;;
    argument)
      curcontext=\${curcontext%:*:*}:telpty-$words[1]:
      case $words[1] in
        help)
          _arguments '1:command:(${[...commands.keys()].join(' ')})' ;;
${cases.join('\n')}
      esac ;;
  esac
}
if [[ $funcstack[1] == _telpty ]]; then
  _telpty "$@"
else
  compdef _telpty telpty
fi
`;
}

function fish(): string {
  const text = (value: string) => `'${plain(value).replace(/[\\']/g, '\\$&')}'`;
  const line = (condition: string, rest: string) => `complete -c telpty -n ${text(condition)} ${rest}`;
  const lines = SUMMARIES.map(([name, summary]) => line('__telpty_at', `-a ${name} -d ${text(summary)}`));
  lines.push(line('__telpty_at', `-s h -l help -d 'print this help'`));
  lines.push(line('__telpty_at', `-s V -l version -d 'print the version'`));
  lines.push(line('__telpty_at help', `-a ${text([...commands.keys()].join(' '))}`));
  for (const [name, command] of commands) {
    for (const [option, spec] of optionsOf(command)) {
      const kind = kindOf(spec);
      const words = wordsOf(spec);
      const short = spec.short === undefined ? '' : `-s ${spec.short} `;
      const value =
        kind === 'file'
          ? '-r -F '
          : kind === 'directory'
            ? `-x -a '(__fish_complete_directories)' `
            : words.length > 0
              ? `-x -a ${text(words.join(' '))} `
              : spec.argument === undefined
                ? ''
                : '-x ';
      lines.push(line(`__telpty_at ${name}`, `${short}-l ${option} ${value}-d ${text(spec.help)}`));
    }
    if (command.operands === 'program') {
      lines.push(line(`__telpty_at ${name}`, `-a '(__fish_complete_command)'`));
      lines.push(line(`__telpty_after ${name}`, '-F'));
    } else if (command.operands === 'host') lines.push(line(`__telpty_at ${name}`, `-a '(__fish_print_hostnames)'`));
    else if (command.operands === 'file') lines.push(line(`__telpty_at ${name}`, '-F'));
    else lines.push(line(`__telpty_at ${name}`, `-a ${text(command.operands.join(' '))}`));
  }
  const valued = [
    ...new Set([...commands.values()].flatMap(command => takesValue(command).map(([option]) => `--${option}`))),
  ];
  return `# Completion of telpty for fish, made by "telpty completion fish".
# Prints the command, and the number of its operands so far.
function __telpty_words
    set -l tokens (commandline -opc)
    set -e tokens[1]
    set -l command
    set -l operands 0
    set -l value 0
    for token in $tokens
        if test $value = 1
            set value 0
            continue
        end
        if test $operands -gt 0
            set operands (math $operands + 1)
            continue
        end
        switch $token
            case --
                set operands 1
            case ${valued.join(' ')}
                set value 1
            case '-*'
            case '*'
                if test -z "$command"
                    set command $token
                else
                    set operands 1
                end
        end
    end
    echo "$command"
    echo $operands
end
# Whether an option or the first operand of a command is allowed here; without an argument: a command.
function __telpty_at
    set -l words (__telpty_words)
    test "$words[1]" = "$argv[1]" -a $words[2] = 0
end
# Whether a further operand of a command is allowed here.
function __telpty_after
    set -l words (__telpty_words)
    test "$words[1]" = "$argv[1]" -a $words[2] != 0
end
complete -c telpty -f
${lines.join('\n')}
`;
}
