// Preloaded into the command (node --import): it gets the signal SIGNAL_IN_WRITE in the middle of writing.
import fs from 'node:fs';

const write = fs.writeSync;
let isSent = false;
fs.writeSync = (...args) => {
  const written = write(...args);
  if (!isSent) {
    isSent = true;
    process.kill(process.pid, process.env.SIGNAL_IN_WRITE);
  }
  return written;
};
