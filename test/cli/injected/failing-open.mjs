// Preloaded into the command (node --import): from the nth time on, files whose names end in some way cannot be opened.
import fs from 'node:fs';

const { FAILING_END, FAILING_FROM } = process.env;
const { openSync } = fs;
let opened = 0;
fs.openSync = (name, ...others) => {
  if (String(name).includes(FAILING_END) && ++opened >= Number(FAILING_FROM)) {
    throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
  }
  return openSync(name, ...others);
};
