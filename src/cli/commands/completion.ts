import { Argument, type Command } from 'commander';
import { allCommands } from '../command-list.ts';
import { completionScript, SHELLS } from '../completion-scripts.ts';
import { helpHint } from '../help.ts';

/** `crosslayer completion`: the script with which a shell completes the command. */
export function addCompletion(root: Command): void {
  root
    .command('completion')
    .description('print the script with which a shell completes commands, options and files')
    .addArgument(new Argument('<shell>', 'the shell').choices(SHELLS))
    .showHelpAfterError(helpHint('completion'))
    .addHelpText(
      'after',
      `
Bash, in ~/.bashrc:            eval "$(crosslayer completion bash)"
Zsh, in ~/.zshrc:              eval "$(crosslayer completion zsh)"
Fish, in config.fish:          crosslayer completion fish | source
PowerShell, in $PROFILE:       crosslayer completion powershell | Out-String | Invoke-Expression`,
    )
    .action(async (shell) => {
      process.stdout.write(completionScript(shell, await allCommands()));
    });
}
