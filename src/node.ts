/**
 * Crosslayer in Node: everything of the main entry point, and models on disk.
 *
 * @module
 */

export * from './index.ts';
export { loadLabels } from './node/array-files.ts';
export { type LoadedInputs, type LoadInputsOptions, loadInputs } from './node/inputs.ts';
export { startLitert } from './node/litert.ts';
export {
  checkOutput,
  closeModel,
  loadModel,
  type OutputPlace,
  type SaveOptions,
  saveModel,
} from './node/model-files.ts';
export {
  type FoundSidecar,
  loadSidecar,
  type RestoreOptions,
  restoreFromSidecar,
  sidecarName,
} from './node/sidecar.ts';
export { type SaveTfliteOptions, saveTflite } from './node/tflite-file.ts';
