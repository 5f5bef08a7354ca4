/**
 * The ways from a Keras file to a TF.js model with weights in uint8, and to a full-integer `.tflite`.
 *
 * @module
 */

import { join } from 'node:path';
import { TOOLS } from './installations.ts';
import type { Command } from './measured-command.ts';

/** A way, as its user would type it. */
export interface Way {
  readonly name: string;
  readonly title: string;
  /** Of the file that it writes; left out where it writes a folder. */
  readonly ending?: string;
  /**
   * From `input` to `output`.
   *
   * @param aside a name for a file in between
   */
  commands(input: string, output: string, aside: string): Command[];
}

// Where no dash follows it, --quantize_uint8 takes the next word for its value.
const DEFAULT = '--quantize_uint8';
const KERNELS = '--quantize_uint8=*kernel';

/** All ways, the converter's default first, which the others are compared with. */
export const WAYS: readonly Way[] = [
  converterWay('default', '`tensorflowjs_converter --quantize_uint8`', DEFAULT),
  converterWay('kernels', "`tensorflowjs_converter --quantize_uint8='*kernel'`", KERNELS),
  crosslayerWay('crosslayer', '`crosslayer quantize`'),
  crosslayerWay('unverified', '`crosslayer quantize --no-verify`', '--no-verify'),
  // No more than what the converter does for '*kernel'.
  crosslayerWay('packed', '`crosslayer quantize --no-prepare --no-verify`', '--no-prepare', '--no-verify'),
];

/**
 * All ways to a `.tflite`, the converter's default first.
 *
 * @param calibration a `.npy` file with inputs for those that need some
 */
export function tfliteWays(calibration: string): Way[] {
  const converter = (name: string, title: string, ...options: string[]): Way => ({
    ...{ name, title, ending: '.tflite' },
    commands: (input, output) => [
      python('python', 'bench/converter/to_tflite.py', input, calibration, output, ...options),
    ],
  });
  const ours = (name: string, title: string, ...options: string[]): Way => ({
    ...crosslayerWay(name, title, ...options),
    ending: '.tflite',
  });
  const perTensor = ['--weights', 'per-tensor'];
  const calibrated = ['--inputs', calibration];
  /** Equalized float in, another quantizer behind it. */
  const behind = (name: string, title: string, ...options: readonly string[]): Way => ({
    ...{ name, title, ending: '.tflite' },
    commands: (input, output, aside) => [
      crosslayer('quantize', input, '-o', `${aside}.tflite`, '--float', '--force', ...options),
      [
        join(TOOLS.aiEdge, 'python'),
        'bench/converter/with_ai_edge_quantizer.py',
        ...[`${aside}.tflite`, calibration, output],
        ...(options.length > 0 ? ['--per-tensor'] : []),
      ],
    ],
  });
  return [
    converter('converter', '`TFLiteConverter`, calibrated'),
    converter('converter-tensor', '`TFLiteConverter` per tensor, calibrated', '--per-tensor'),
    ours('ours', '`crosslayer quantize`'),
    ours('ours-calibrated', '`crosslayer quantize --inputs`', ...calibrated),
    ours('ours-tensor', '`crosslayer quantize --weights per-tensor`', ...perTensor),
    ours('ours-tensor-calibrated', '`… --weights per-tensor --inputs`', ...perTensor, ...calibrated),
    behind('ai-edge', '`crosslayer quantize --float`, ai-edge-quantizer'),
    behind('ai-edge-tensor', '`… --float --weights per-tensor`, ai-edge-quantizer per tensor', ...perTensor),
  ];
}

/** What starting each tool takes, with nothing to do. */
export const STARTS: readonly { readonly title: string; readonly command: Command }[] = [
  {
    title: '`tensorflowjs_converter --version`',
    command: python('tensorflowjs_converter', '--version'),
  },
  { title: '`crosslayer --version`', command: crosslayer('--version') },
];

function converterWay(name: string, title: string, quantize: string): Way {
  return {
    name,
    title,
    commands: (input, output, aside) => {
      if (!input.endsWith('.keras')) return [convert(quantize, input, output)];
      // The converter takes the file as it is, but TF.js does not open what comes out.
      const keras2 = `${aside}.h5`;
      return [
        python('python', 'bench/converter/keras3_to_h5.py', input, keras2),
        convert(quantize, keras2, output),
      ];
    },
  };
}

function crosslayerWay(name: string, title: string, ...options: string[]): Way {
  return {
    name,
    title,
    commands: (input, output) => [crosslayer('quantize', input, '-o', output, ...options)],
  };
}

function convert(quantize: string, input: string, output: string): Command {
  const formats = ['--input_format=keras', '--output_format=tfjs_layers_model'];
  return python('tensorflowjs_converter', quantize, ...formats, input, output);
}

function python(program: string, ...args: string[]): Command {
  return [join(TOOLS.converter, program), ...args];
}

function crosslayer(...args: string[]): Command {
  return [join(TOOLS.crosslayer, 'crosslayer'), ...args];
}
