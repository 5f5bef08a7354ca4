import { afterEach, expect, test, vi } from 'vitest';
import { interruptible, interruptibleCheck } from '../../src/cli/interruptible.ts';

afterEach(() => vi.restoreAllMocks());

/** What is written on standard error, and the signals that end the process, once Ctrl-C came during `run`. */
async function stopped(run: (work: (signal: AbortSignal) => Promise<never>) => Promise<never>) {
  const kill = vi.spyOn(process, 'kill').mockReturnValue(true);
  const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  const work = async (signal: AbortSignal): Promise<never> => {
    process.emit('SIGINT', 'SIGINT');
    throw signal.reason;
  };
  await expect(run(work)).rejects.toThrow('aborted');
  return { said: write.mock.calls.map(([text]) => text).join(''), kills: kill.mock.calls };
}

test('a write that is stopped leaves nothing, and nothing is said', async () => {
  expect(await stopped((work) => interruptible(work))).toEqual({
    said: '',
    kills: [[process.pid, 'SIGINT']],
  });
});

test('a check that is stopped leaves the file, which is said', async () => {
  expect(await stopped((work) => interruptibleCheck('net.tflite', work))).toEqual({
    said: 'crosslayer: net.tflite is written; stopped before it was seen to work\n',
    kills: [[process.pid, 'SIGINT']],
  });
});
