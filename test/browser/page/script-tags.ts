/** A page that has TF.js from script tags, as the global `tf`. */

import { equalizeLive, type Tf } from './scenario.ts';

declare const tf: Tf;

globalThis.runScenario = (backend) => equalizeLive(tf, backend, true);
