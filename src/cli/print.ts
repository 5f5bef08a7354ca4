import type { CheckResult } from './command-result.ts';

/** The whole result of a command goes out in one piece. */
export async function print(result: Promise<string>): Promise<void> {
  process.stdout.write(`${await result}\n`);
}

/** {@link print} for a command whose result decides how the process ends. */
export async function printCheck(result: Promise<CheckResult>): Promise<void> {
  const { text, exitCode } = await result;
  process.stdout.write(`${text}\n`);
  process.exitCode = exitCode;
}
