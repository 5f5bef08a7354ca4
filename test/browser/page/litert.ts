/** A page that runs a .tflite file as the guide of LiteRT.js does, and has nothing of this package. */

import { loadAndCompile, loadLiteRt, Tensor } from '@litertjs/core';

/** A file in base64, and the samples that it is run on, one after the other. */
export interface LitertAsked {
  readonly file: string;
  readonly shape: readonly number[];
  readonly samples: readonly (readonly number[])[];
}

declare global {
  /** Started by the test. */
  var runLitertPage: (asked: LitertAsked) => Promise<number[][]>;
}

globalThis.runLitertPage = async ({ file, shape, samples }) => {
  await loadLiteRt('/litert/');
  const bytes = Uint8Array.from(atob(file), (character) => character.charCodeAt(0));
  const model = await loadAndCompile(bytes, { accelerator: 'wasm' });
  const made: number[][] = [];
  for (const sample of samples) {
    const [output] = await model.run(new Tensor(Float32Array.from(sample), [...shape]));
    made.push([...((await output?.data()) ?? [])]);
  }
  return made;
};
