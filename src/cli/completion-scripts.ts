/**
 * Scripts with which shells complete the command: names of commands and options, values of options that take one of some, and
 * files everywhere else. Made from the commands themselves; nothing is started when a key is pressed.
 *
 * @module
 */

import type { Command, Option } from 'commander';

/** The shells that there is a script for. */
export const SHELLS = ['bash', 'zsh', 'fish', 'powershell'] as const;

/** One of the {@link SHELLS}. */
export type Shell = (typeof SHELLS)[number];

/** The script that has a shell complete `crosslayer`. */
export function completionScript(shell: Shell, commands: readonly Command[]): string {
  const described = commands.map(describedCommand);
  switch (shell) {
    case 'bash':
      return bash(described);
    case 'zsh':
      return zsh(described);
    case 'fish':
      return fish(described);
    case 'powershell':
      return powershell(described);
  }
}

interface DescribedOption {
  readonly short: string | undefined;
  readonly long: string;
  readonly what: string;
  readonly takesValue: boolean;
  readonly choices: readonly string[];
}

interface DescribedCommand {
  readonly name: string;
  readonly what: string;
  readonly options: readonly DescribedOption[];
  /** What its argument may be, where that is one of some. */
  readonly choices: readonly string[];
}

const HELP: DescribedOption = {
  short: '-h',
  long: '--help',
  what: 'show what there is',
  takesValue: false,
  choices: [],
};

function describedCommand(command: Command): DescribedCommand {
  return {
    name: command.name(),
    what: firstClause(command.description()),
    // Help lists those that are used often alone, and itself is no option of the command.
    options: [...command.options.map(describedOption), HELP],
    choices: command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []),
  };
}

function describedOption(option: Option): DescribedOption {
  return {
    short: option.short,
    long: option.long ?? '',
    what: firstClause(option.description),
    takesValue: option.required || option.optional,
    choices: option.argChoices ?? [],
  };
}

function firstClause(text: string): string {
  return text.split(/[;:]/, 1)[0] ?? '';
}

function flagsOf({ short, long }: DescribedOption): string[] {
  return short === undefined ? [long] : [short, long];
}

/** What stands before a command. */
const ROOT_FLAGS = ['--help', '--version'];

/** Text in single quotes, as bash, zsh and fish read it. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function bash(commands: readonly DescribedCommand[]): string {
  const values = commands.flatMap(({ name, options, choices }) => [
    ...(choices.length === 0
      ? []
      : [`    ${quoted(`${name} ${name}`)}) words=${quoted(choices.join(' '))} ;;`]),
    ...options.flatMap((option) => {
      if (!option.takesValue) return [];
      const cases = flagsOf(option).map((flag) => quoted(`${name} ${flag}`));
      // Without words readline completes files.
      const found = option.choices.length === 0 ? 'return' : `words=${quoted(option.choices.join(' '))}`;
      return [`    ${cases.join('|')}) ${found} ;;`];
    }),
  ]);
  const flags = commands.map(
    ({ name, options }) => `      ${name}) words=${quoted(options.flatMap(flagsOf).join(' '))} ;;`,
  );
  return `# bash completion for crosslayer
_crosslayer() {
  local current=\${COMP_WORDS[COMP_CWORD]} words=''
  COMPREPLY=()
  if [[ $COMP_CWORD -eq 1 ]]; then
    COMPREPLY=($(compgen -W ${quoted([...commands.map(({ name }) => name), ...ROOT_FLAGS].join(' '))} -- "$current"))
    return
  fi
  case "\${COMP_WORDS[1]} \${COMP_WORDS[COMP_CWORD - 1]}" in
${values.join('\n')}
  esac
  if [[ -z $words && $current == -* ]]; then
    case \${COMP_WORDS[1]} in
${flags.join('\n')}
    esac
  fi
  if [[ -n $words ]]; then COMPREPLY=($(compgen -W "$words" -- "$current")); fi
}
complete -o default -F _crosslayer crosslayer
`;
}

function zsh(commands: readonly DescribedCommand[]): string {
  // In a description these end it.
  const text = (what: string): string => what.replace(/[\\[\]:]/g, '\\$&');
  const option = ({ short, long, what, takesValue, choices }: DescribedOption): string => {
    const value = !takesValue ? '' : choices.length > 0 ? `:value:(${choices.join(' ')})` : ':value:_files';
    const described = quoted(`[${text(what)}]${value}`);
    return short === undefined
      ? quoted(`*${long}[${text(what)}]${value}`)
      : `'*'{${short},${long}}${described}`;
  };
  const cases = commands.map(({ name, options, choices }) => {
    const argument = choices.length > 0 ? `:value:(${choices.join(' ')})` : '*:file:_files';
    const specs = [...options.map(option), quoted(argument)];
    return `    ${name})\n      _arguments \\\n        ${specs.join(' \\\n        ')} ;;`;
  });
  return `#compdef crosslayer
# zsh completion for crosslayer
_crosslayer() {
  local -a commands=(
${commands.map(({ name, what }) => `    ${quoted(`${name}:${text(what)}`)}`).join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  shift words
  (( CURRENT-- ))
  case $words[1] in
${cases.join('\n')}
  esac
}
compdef _crosslayer crosslayer
`;
}

function fish(commands: readonly DescribedCommand[]): string {
  const none = quoted(`not __fish_seen_subcommand_from ${commands.map(({ name }) => name).join(' ')}`);
  const lines = commands.flatMap(({ name, what, options, choices }) => {
    const on = `complete -c crosslayer -n ${quoted(`__fish_seen_subcommand_from ${name}`)}`;
    return [
      `complete -c crosslayer -n ${none} -f -a ${name} -d ${quoted(what)}`,
      ...(choices.length === 0 ? [] : [`${on} -f -a ${quoted(choices.join(' '))}`]),
      ...options.map((option) => {
        const short = option.short === undefined ? '' : ` -s ${option.short.slice(1)}`;
        const values = option.choices.length > 0 ? ` -x -a ${quoted(option.choices.join(' '))}` : ' -r';
        const value = option.takesValue ? values : '';
        return `${on}${short} -l ${option.long.slice(2)}${value} -d ${quoted(option.what)}`;
      }),
    ];
  });
  return `# fish completion for crosslayer\n${lines.join('\n')}\n`;
}

function powershell(commands: readonly DescribedCommand[]): string {
  const text = (value: string): string => `'${value.replaceAll("'", "''")}'`;
  const list = (values: readonly string[]): string => `@(${values.map(text).join(', ')})`;
  const entries = commands.map(({ name, options, choices }) => {
    const valued = options.filter(({ takesValue }) => takesValue);
    const values = valued.flatMap((option) =>
      flagsOf(option).map((flag) => `${text(flag)} = ${list(option.choices)}`),
    );
    const own = choices.length === 0 ? [] : [`${text(name)} = ${list(choices)}`];
    const flags = list(options.flatMap(flagsOf));
    return `    ${text(name)} = @{ Flags = ${flags}; ValuesOf = @{ ${[...own, ...values].join('; ')} } }`;
  });
  return `# PowerShell completion for crosslayer
Register-ArgumentCompleter -Native -CommandName crosslayer -ScriptBlock {
  param($wordToComplete, $commandAst, $cursorPosition)
  $commands = @{
${entries.join('\n')}
  }
  $words = @($commandAst.CommandElements | Where-Object { $_.Extent.EndOffset -lt $cursorPosition } | ForEach-Object { $_.ToString() })
  if ($words.Count -lt 2) { $found = ${list([...commands.map(({ name }) => name), ...ROOT_FLAGS])} }
  else {
    $command = $commands[$words[1]]
    if ($null -eq $command) { return }
    $found = $command.ValuesOf[$words[-1]]
    if ($null -eq $found -and $wordToComplete -like '-*') { $found = $command.Flags }
  }
  # Where nothing is found, PowerShell completes files.
  $found | Where-Object { $_ -like "$wordToComplete*" } | ForEach-Object {
    [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
  }
}
`;
}
