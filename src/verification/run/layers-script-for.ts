/**
 * The script that registers, beside a model of TF.js, the classes of layers that TF.js lacks or computes otherwise.
 *
 * @module
 */

import type { UnsupportedLayer, WriteReport } from '../../formats/format.ts';
import { isInterpolation } from '../../tensor/resampling.ts';
import { loadTfjs } from './tfjs-backend.ts';

/** Its name in the folder of the model. */
export const LAYERS_SCRIPT = 'crosslayer-layers.js';

const CLASSES = 'crosslayer:classes';

/** Classes of layers that have a form of their own inside of it. */
const WRAPPER = 'Bidirectional';

/** A report on a model for which there is a script. */
export interface ScriptedReport {
  /** Without the layers that the script has classes for, and with a note on it. */
  readonly report: WriteReport;
  /** The text of the script; undefined where it would have no class. */
  readonly script: string | undefined;
}

/**
 * Makes the script with the classes for the layers of a report that there are classes for.
 *
 * @param built gives the text of `crosslayer-layers.js` as the package has it; asked where a class is wanted
 * @throws CannotRunError where TF.js is not installed; what `built` throws.
 */
export async function layersScriptFor(
  report: WriteReport,
  built: () => string | Promise<string>,
): Promise<ScriptedReport> {
  const { unsupported = [], ...rest } = report;
  if (unsupported.length === 0) return { report, script: undefined };
  const { classes } = await loadTfjs({ backend: 'cpu' });
  const isCovered = ({ className, activation, interpolation }: UnsupportedLayer): boolean =>
    classes.customClass(className) !== undefined &&
    (activation === undefined || classes.isActivation(activation)) &&
    (interpolation === undefined || isInterpolation(interpolation));
  const covered = unsupported.filter(isCovered);
  if (covered.length === 0) return { report, script: undefined };
  const names = [...new Set(covered.map(({ className }) => className))];
  // TF.js' own makes the layers inside anew, and not by these classes.
  const registered = names.some((name) => /GRU/.test(name)) ? [...new Set([...names, WRAPPER])] : names;
  const left = unsupported.filter((layer) => !isCovered(layer));
  const told = new Set(covered.map(({ warning }) => warning));
  return {
    script: HEADER + (await built()).replace(CLASSES, registered.join(' ')),
    report: {
      ...rest,
      warnings: rest.warnings.filter((warning) => !told.has(warning)),
      ...(left.length > 0 ? { unsupported: left } : {}),
      notes: [
        ...(rest.notes ?? []),
        `${LAYERS_SCRIPT} registers ${names.join(', ')}, which TF.js lacks or computes otherwise: load it behind tf.js and ` +
          'before the model',
      ],
    },
  };
}

const HEADER =
  `// Layers that TF.js lacks, of Crosslayer (Apache-2.0). In a page, behind tf.js: <script src="${LAYERS_SCRIPT}">\n` +
  `// </script>. With modules: globalThis.tf = tf; await import('./${LAYERS_SCRIPT}');\n`;
