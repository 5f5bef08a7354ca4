import type { Layer } from '../model/layer.ts';
import type { Model } from '../model/model.ts';
import { layersQuantizedBefore } from '../quantization/packing/quantized-before.ts';
import { unquantizedLayers } from '../quantization/quantized-weights.ts';
import { QUANTIZATIONS, type QuantizationName } from '../quantization/weight-quantizations.ts';
import { named } from '../text/names.ts';

/** What the numbers of an evaluation leave out: layers that stay in float, and what quantizing cost before. */
export function weightNotes(
  model: Model,
  original: Model,
  quantizations: readonly QuantizationName[],
): string[] {
  return [...unquantizedNote(model, quantizations), ...beforeNotes(model, original)];
}

function unquantizedNote(model: Model, quantizations: readonly QuantizationName[]): string[] {
  const names = quantizations.filter((name) => QUANTIZATIONS[name].weights === 'kernels');
  const layers = unquantizedLayers(model);
  if (names.length === 0 || layers.length === 0) return [];
  const parameters = layers.reduce((sum, { parameterCount }) => sum + parameterCount, 0);
  return [
    `${names.join(', ')}: only kernels of convolutions and Dense are quantized`,
    `${parameters} of ${model.parameterCount} parameters stay in float besides biases and batch norms: ${layersText(layers)}`,
  ];
}

function beforeNotes(model: Model, original: Model): string[] {
  const notes: string[] = [];
  const ofOriginal = layersQuantizedBefore(original);
  if (ofOriginal.length > 0) {
    notes.push(
      `the original was quantized before: kernels on a grid of 8 bits in ${layersText(ofOriginal)}`,
      'what that cost is not in these numbers; compare with the model in float (--against)',
    );
  }
  const ofModel = model === original ? [] : layersQuantizedBefore(model);
  if (ofModel.length > 0) {
    notes.push(
      `the model was quantized before: kernels on a grid of 8 bits in ${layersText(ofModel)}`,
      'the row float shows what that cost; the rows below it show that and what is lost anew',
    );
  }
  return notes;
}

function layersText(layers: readonly Layer[]): string {
  return named(
    layers.map(({ path, className }) => `${path} (${className})`),
    3,
  );
}
