/**
 * The script that registers, beside a model of TF.js, the classes of layers that TF.js lacks or computes otherwise.
 *
 * @module
 */

import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { compileFunction } from 'node:vm';
import { OutputError } from '../errors.ts';
import type { UnsupportedLayer, WriteReport } from '../formats/format.ts';
import { isInterpolation } from '../tensor/resampling.ts';
import { loadTfjs } from '../verification/run/tfjs-backend.ts';
import type { PendingOutput } from './pending-output.ts';

/** Its name in the folder of the model. */
export const LAYERS_SCRIPT = 'crosslayer-layers.js';

/** The package's own, where it was built; the classes that a model needs are put into it. */
const BUILT: string = fileURLToPath(new URL('../../dist/crosslayer-layers.js', import.meta.url));
const CLASSES = 'crosslayer:classes';

/** Classes of layers that have a form of their own inside of it. */
const WRAPPER = 'Bidirectional';

/**
 * Writes the script with the classes for the layers of a report that there are classes for.
 *
 * @returns the report without those, and with a note on the script where it is written.
 * @throws CannotRunError where TF.js is not installed.
 */
export async function writeLayersScript(report: WriteReport, output: PendingOutput): Promise<WriteReport> {
  const { unsupported = [], ...rest } = report;
  if (unsupported.length === 0) return report;
  const { classes } = await loadTfjs({ backend: 'cpu' });
  const isCovered = ({ className, activation, interpolation }: UnsupportedLayer): boolean =>
    classes.customClass(className) !== undefined &&
    (activation === undefined || classes.isActivation(activation)) &&
    (interpolation === undefined || isInterpolation(interpolation));
  const covered = unsupported.filter(isCovered);
  if (covered.length === 0) return report;
  const names = [...new Set(covered.map(({ className }) => className))];
  // TF.js' own makes the layers inside anew, and not by these classes.
  const registered = names.some((name) => /GRU/.test(name)) ? [...new Set([...names, WRAPPER])] : names;
  output
    .createBeside(output.siblingOf(LAYERS_SCRIPT))
    .write(0, new TextEncoder().encode(scriptFor(registered)));
  const left = unsupported.filter((layer) => !isCovered(layer));
  const told = new Set(covered.map(({ warning }) => warning));
  return {
    ...rest,
    warnings: rest.warnings.filter((warning) => !told.has(warning)),
    ...(left.length > 0 ? { unsupported: left } : {}),
    notes: [
      ...(rest.notes ?? []),
      `${LAYERS_SCRIPT} registers ${names.join(', ')}, which TF.js lacks or computes otherwise: load it behind tf.js and ` +
        'before the model',
    ],
  };
}

/**
 * Runs `work` with the classes that a script registers, as a page has them behind it; afterwards TF.js has those that it had.
 *
 * @param script its text, as {@link writeLayersScript} wrote it
 */
export async function withLayersScript<Made>(script: string, work: () => Promise<Made>): Promise<Made> {
  const { core, layers } = await loadTfjs();
  const { classNameMap } = core.serialization.SerializationMap.getMap();
  const before = Object.entries(classNameMap);
  compileFunction(script, ['tf'])({ ...core, ...layers });
  try {
    return await work();
  } finally {
    for (const name of Object.keys(classNameMap)) Reflect.deleteProperty(classNameMap, name);
    Object.assign(classNameMap, Object.fromEntries(before));
  }
}

function scriptFor(classNames: readonly string[]): string {
  if (!fs.existsSync(BUILT)) {
    throw new OutputError(BUILT, 'is not there, which the script is made of; run `npm run build`');
  }
  const header =
    `// Layers that TF.js lacks, of Crosslayer (Apache-2.0). In a page, behind tf.js: <script src="${LAYERS_SCRIPT}">\n` +
    `// </script>. With modules: globalThis.tf = tf; await import('./${LAYERS_SCRIPT}');\n`;
  return header + fs.readFileSync(BUILT, 'utf8').replace(CLASSES, classNames.join(' '));
}
