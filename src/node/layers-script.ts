/**
 * The script of layers that TF.js lacks, in files and in Node.
 *
 * @module
 */

import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { compileFunction } from 'node:vm';
import { OutputError } from '../errors.ts';
import type { WriteReport } from '../formats/format.ts';
import { LAYERS_SCRIPT, layersScriptFor } from '../verification/run/layers-script-for.ts';
import { loadTfjs } from '../verification/run/tfjs-backend.ts';
import type { PendingOutput } from './pending-output.ts';

/** The package's own, where it was built; the classes that a model needs are put into it. */
const BUILT: string = fileURLToPath(new URL('../../dist/crosslayer-layers.js', import.meta.url));

/**
 * Writes the script of {@link layersScriptFor} beside a model.
 *
 * @returns the report without the layers that it has classes for.
 * @throws CannotRunError where TF.js is not installed; OutputError where the package was not built.
 */
export async function writeLayersScript(given: WriteReport, output: PendingOutput): Promise<WriteReport> {
  const { report, script } = await layersScriptFor(given, readBuilt);
  if (script !== undefined) {
    output.createBeside(output.siblingOf(LAYERS_SCRIPT)).write(0, new TextEncoder().encode(script));
  }
  return report;
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

function readBuilt(): string {
  if (fs.existsSync(BUILT)) return fs.readFileSync(BUILT, 'utf8');
  throw new OutputError(BUILT, 'is not there, which the script is made of; run `npm run build`');
}
