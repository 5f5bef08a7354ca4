/**
 * Classes of the runner for every user of TF.js.
 *
 * @module
 */

import { serialization } from '@tensorflow/tfjs-core';
import { ownEntry } from '../../json/value.ts';
import { customClass, OF_TFJS } from './custom-layers.ts';
import { KerasLayer } from './keras-layer.ts';
import type { LayerConfig } from './layer-config.ts';

/**
 * Registers classes by the names that Keras has for them. Where TF.js has a class of the name, it stays the one that is made
 * wherever it computes what Keras does.
 *
 * @throws RangeError where there is no class of the name here.
 */
export function registerLayers(classNames: readonly string[]): void {
  for (const className of classNames) {
    const custom = customClass(className);
    if (!custom) throw new RangeError(`there is no class ${className} here`);
    const original = ownEntry(OF_TFJS, className);
    class Registered extends KerasLayer {
      static override className = className;
      static override fromConfig(_cls: never, config: LayerConfig): never {
        const made =
          original && custom?.isRight(config)
            ? original[1](original[0], config as never)
            : custom?.make(config);
        return made as never;
      }
      protected override compute(): never {
        throw new TypeError(`${className} is made by fromConfig`);
      }
    }
    serialization.registerClass(Registered as never);
  }
}
