/**
 * The process of `shared-command.ts`: runs the built command anew for each message, with the modules of the last one.
 *
 * @module
 */

const MAIN = new URL('../../dist/cli/main.js', import.meta.url);
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
  process.argv = [process.execPath, MAIN.pathname, ...args];
  process.exitCode = undefined;
  // A name of its own has it run again; what it imports is there already.
  await import(`${MAIN.href}?${runs++}`);
  process.stdout.removeAllListeners('error');
  process.send({ code: process.exitCode ?? 0, ...written });
});
