// Placeholder by the lead, so that the runner can be tried; the engineer of this folder replaces it.
import { TFJS_LAYERS } from '../../formats/keras-config/tfjs-classes.ts';

export const customLayers: Record<string, unknown> = {};
export function runnableClasses(): ReadonlySet<string> {
  return TFJS_LAYERS;
}
