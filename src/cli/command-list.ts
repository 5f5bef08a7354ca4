import { Command } from 'commander';

/** What adds a command to the program. */
type AddCommand = (root: Command) => void;

/** The commands in the order in which they are listed, and what loads each. */
export const COMMANDS: ReadonlyMap<string, () => Promise<AddCommand>> = new Map([
  ['equalize', async () => (await import('./commands/equalize.ts')).addEqualize],
  ['inspect', async () => (await import('./commands/inspect.ts')).addInspect],
  ['convert', async () => (await import('./commands/convert.ts')).addConvert],
  ['verify', async () => (await import('./commands/verify.ts')).addVerify],
  ['evaluate', async () => (await import('./commands/evaluate.ts')).addEvaluate],
  ['quantize', async () => (await import('./commands/quantize.ts')).addQuantize],
  ['completion', async () => (await import('./commands/completion.ts')).addCompletion],
]);

/** All commands with their options. */
export async function allCommands(): Promise<readonly Command[]> {
  const root = new Command();
  for (const load of COMMANDS.values()) (await load())(root);
  return root.commands;
}
