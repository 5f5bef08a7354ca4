import fs from 'node:fs';
import path from 'node:path';

/**
 * The files and folders that a name with `*` or `?` stands for, as a shell finds them: those of Windows leave it to the command. Any
 * other name, and one that nothing matches, is itself.
 */
export function matchingNames(name: string): string[] {
  if (!/[*?]/.test(name) || fs.existsSync(name)) return [name];
  const pattern = patternOf(path.basename(name));
  const found = matchingNames(path.dirname(name)).flatMap((folder) =>
    namesIn(folder)
      .filter((one) => pattern.test(one))
      .map((one) => path.join(folder, one)),
  );
  return found.length === 0 ? [name] : found;
}

/** What begins with a dot is found by a dot alone. */
function patternOf(name: string): RegExp {
  const source = name
    .replace(/[\\^$.|+()[\]{}]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${/^[*?]/.test(name) ? '(?!\\.)' : ''}${source}$`, 'is');
}

function namesIn(folder: string): string[] {
  try {
    return fs.readdirSync(folder).sort();
  } catch {
    return [];
  }
}
