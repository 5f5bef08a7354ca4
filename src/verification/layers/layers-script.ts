/**
 * `crosslayer-layers.js`, which lies beside a model that TF.js itself does not open: this module in one piece, with the `tf` of
 * the page in the place of the packages of TF.js. `layers-script.config.ts` says how it is made.
 *
 * @module
 */

import { registerLayers } from './register-layers.ts';

// What stands here in the file for one model are the classes that it needs.
registerLayers('crosslayer:classes'.split(' '));
