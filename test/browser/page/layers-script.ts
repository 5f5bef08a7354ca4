/** A page that has TF.js and the classes of crosslayer-layers.js from script tags, and nothing else of ours. */

import type * as core from '@tensorflow/tfjs-core';
import type * as layers from '@tensorflow/tfjs-layers';

declare const tf: typeof core & typeof layers;

/** A tensor as it goes between the test and the page. */
interface Values {
  readonly shape: number[];
  readonly data: number[];
}

declare global {
  /** Started by the test: loads `/made/model.json` and runs it. */
  var runLoaded: (input: Values) => Promise<Values>;
}

globalThis.runLoaded = async ({ shape, data }) => {
  await tf.setBackend('cpu');
  const model = await tf.loadLayersModel('/made/model.json');
  const made = model.predict(tf.tensor(data, shape)) as core.Tensor;
  return { shape: made.shape, data: [...(await made.data())] };
};
