/**
 * The process of `shared-command.ts` and of the interop check: runs the built command, or that of its argument, anew for each
 * message, with the modules of the last one.
 *
 * @module
 */

import { fileURLToPath, pathToFileURL } from 'node:url';

const [, , main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))] = process.argv;
const { href } = pathToFileURL(main);
let runs = 0;

process.on('message', async ({ args, folder }) => {
  const written = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr']) {
    process[stream].write = (text) => {
      written[stream] += text;
      return true;
    };
  }
  process.chdir(folder);
  process.argv = [process.execPath, main, ...args];
  process.exitCode = undefined;
  try {
    // A name of its own has it run again; what it imports is there already.
    await import(`${href}?${runs++}`);
  } catch (error) {
    process.exitCode = 1;
    written.stderr += error.stack;
  }
  process.stdout.removeAllListeners('error');
  process.send({ code: process.exitCode ?? 0, ...written });
});
