import { printError, progress } from './terminal.ts';

/** Signals that ask a command to stop. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Runs what comes after a file was written. Stopped, it leaves the file, and says that nobody saw yet whether it works.
 */
export function interruptibleCheck<Result>(
  output: string,
  check: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  return interruptible(check, `${output} is written; stopped before it was seen to work`);
}

/**
 * Runs a write that is stopped by Ctrl-C, `kill` or a closed terminal, so that it can take its temporary files away
 * with it. Then the signal has its usual effect: the process ends by it, which shells see as 128 + its number.
 *
 * Further signals change nothing: npx passes Ctrl-C on to a process that the terminal has sent it to already.
 */
export async function interruptible<Result>(
  write: (signal: AbortSignal) => Promise<Result>,
  whatIsLeft?: string,
): Promise<Result> {
  const controller = new AbortController();
  let received: NodeJS.Signals | undefined;
  const stop = (signal: NodeJS.Signals): void => {
    received ??= signal;
    controller.abort();
  };
  for (const signal of SIGNALS) process.on(signal, stop);
  try {
    return await write(controller.signal);
  } finally {
    for (const signal of SIGNALS) process.removeListener(signal, stop);
    if (received && whatIsLeft !== undefined) {
      progress.clear();
      printError(`crosslayer: ${whatIsLeft}`);
    }
    if (received) process.kill(process.pid, received);
  }
}
