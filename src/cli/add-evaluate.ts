import type { Command } from 'commander';
import { DEFAULT_QUANTIZERS, evaluateCommand } from './commands/evaluate.ts';
import { labelsOption, normalizeOption, wholeNumber } from './options.ts';
import { print } from './print.ts';

/** `crosslayer evaluate`. */
export function addEvaluate(root: Command): void {
  root
    .command('evaluate')
    .description('run the model with quantized weights and tell how much is left of what it does in float')
    .argument('<model>', 'the model')
    .option('--against <original>', 'the model to compare with; the same model in float if left out')
    .option('--quantizer <list>', 'how weights are quantized, separated by commas', DEFAULT_QUANTIZERS)
    .option(
      '--inputs <path...>',
      'photographs or a folder of them, a .npz, or a .npy for each input; made up from a seed if left out; ' +
        'takes all names up to the next option, so <model> stands before it',
    )
    .addOption(labelsOption())
    .addOption(normalizeOption())
    .option(
      '--samples <count>',
      'how many samples: 16 if they are made up, else all of the inputs',
      wholeNumber,
    )
    .option('--layers', 'list what quantizing leaves of the weights of each layer, the worst first')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `
Quantizers:
  int8-per-tensor      8 bits, one asymmetric range for each kernel
  int8-per-channel     8 bits, a symmetric range for each output channel of a kernel
  tfjs-uint8           all float weights, as tensorflowjs_converter --quantize_uint8 writes them
  tfjs-uint8-kernels   kernels alone, as it does with --quantize_uint8 '*kernel'
  tfjs-uint16, tfjs-uint16-kernels
                       the same with 16 bits
Kernels are those of convolutions and Dense; biases, batch norms and what else is not named stay in float, and activations
always do. SQNR is of the logits where an output is a softmax of them; "same top-1" is the share of samples with the same
largest class as the original.`,
    )
    .action((input, options) => print(evaluateCommand(input, options)));
}
