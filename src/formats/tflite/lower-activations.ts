/**
 * Which operators compute activations.
 *
 * @module
 */

import type { GraphCall } from '../../model/graph.ts';
import type { Activation } from '../../model/operation.ts';
import { slopesOf } from './kernel-constants.ts';
import { lowerFloatActivation } from './lower-float.ts';
import type { Lowering } from './lowering.ts';
import { NoKernelError, refusal } from './no-kernel.ts';
import { FUSED, type OperatorName } from './operators.ts';

/** The kernels of functions, and whether their output may be on any grid. */
const FUNCTIONS: ReadonlyMap<string, OperatorName> = new Map([
  ['sigmoid', 'LOGISTIC'],
  ['tanh', 'TANH'],
  ['elu', 'ELU'],
  ['hard_swish', 'HARD_SWISH'],
  ['hard_silu', 'HARD_SWISH'],
  ['softmax', 'SOFTMAX'],
  ['Softmax', 'SOFTMAX'],
]);

/** The operator versions that know int8. */
const VERSIONS: ReadonlyMap<OperatorName, number> = new Map([
  ['LOGISTIC', 2],
  ['TANH', 2],
  ['SOFTMAX', 2],
]);

export function lowerActivation(lowering: Lowering, call: GraphCall, activation: Activation): void {
  const { maker } = lowering;
  const { path: layer } = call;
  const input = lowering.inputOf(call);
  switch (activation.kind) {
    case 'linear':
      if (lowering.isFloat) {
        lowering.alias(call, input);
        return;
      }
      // On another grid.
      lowering.emit(call, {}, (output) => maker.operator('QUANTIZE', { layer, inputs: [input], output }));
      return;
    case 'prelu':
      lowerPrelu(lowering, call);
      return;
    case 'relu': {
      const { negativeSlope, threshold } = activation;
      if (threshold !== 0) {
        throw new NoKernelError(
          call,
          `no ${lowering.kernel} has a ReLU with the threshold ${threshold}; train with a plain ReLU, or`,
        );
      }
      if (negativeSlope !== 0) {
        lowering.emitRelu(call, activation, { fuses: false }, (output) => {
          maker.operator('LEAKY_RELU', { layer, inputs: [input], output, options: { alpha: negativeSlope } });
        });
        return;
      }
      lowering.emitRelu(call, activation, { fuses: true }, (output, fused) => {
        maker.operator(fused === FUSED.relu6 ? 'RELU6' : 'RELU', {
          layer,
          inputs: [input],
          output,
          version: 2,
        });
      });
      return;
    }
    case 'other': {
      const op = FUNCTIONS.get(activation.name);
      if (!op) {
        if (lowerFloatActivation(lowering, call, activation.name)) return;
        throw new NoKernelError(
          call,
          `the activation ${activation.name} has no ${lowering.kernel}; train with one that has, such as relu6, swish or hard_swish, or`,
        );
      }
      if (op === 'SOFTMAX') checkSoftmaxAxis(lowering, call);
      const options = op === 'SOFTMAX' ? { beta: 1 } : {};
      lowering.emit(call, {}, (output) => {
        maker.operator(op, { layer, inputs: [input], output, version: VERSIONS.get(op) ?? 1, options });
      });
      return;
    }
  }
}

function checkSoftmaxAxis(lowering: Lowering, call: GraphCall): void {
  const axis = call.layer.readConfig['axis'] ?? -1;
  const rank = lowering.shapeOf(call.output()).length;
  if (call.layer.className !== 'Softmax' || axis === -1 || axis === rank - 1) return;
  throw refusal(
    call,
    `is on axis ${JSON.stringify(axis)}, and SOFTMAX on the last; put a Permute before it and behind it`,
  );
}

function lowerPrelu(lowering: Lowering, call: GraphCall): void {
  const inputs = [lowering.inputOf(call), slopesOf(lowering, call.layer)];
  lowering.emit(call, {}, (output) => lowering.maker.operator('PRELU', { layer: call.path, inputs, output }));
}
