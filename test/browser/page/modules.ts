/** A page whose bundle has TF.js in it. */

import '@tensorflow/tfjs-backend-cpu';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import * as core from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import { equalizeLive } from './scenario.ts';

setWasmPaths('/wasm/');

globalThis.runScenario = (backend) => equalizeLive({ ...core, ...layers }, backend, backend === 'wasm');
