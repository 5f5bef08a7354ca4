/** Signals that ask a command to stop. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Runs a write that is stopped by Ctrl-C, `kill` or a closed terminal, so that it can take its temporary files away
 * with it. Then the signal has its usual effect: the process ends by it, which shells see as 128 + its number.
 *
 * Further signals change nothing: npx passes Ctrl-C on to a process that the terminal has sent it to already.
 */
export async function interruptible<Result>(
  write: (signal: AbortSignal) => Promise<Result>,
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
    if (received) process.kill(process.pid, received);
  }
}
