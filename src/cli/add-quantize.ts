import { type Command, Option } from 'commander';
import { ROUNDINGS } from '../equalization/options.ts';
import { PACKED_DTYPES } from '../quantization/packing/packed-dtypes.ts';
import { byteSize } from './byte-size.ts';
import { quantizeCommand } from './commands/quantize.ts';
import { labelsOption, normalizeOption, REPORT_HELP, wholeNumber } from './options.ts';
import { parsePlan } from './plan-lines.ts';
import { printCheck } from './print.ts';

/** `crosslayer quantize`. */
export function addQuantize(root: Command): void {
  root
    .command('quantize')
    .description('write a TF.js layers model with kernels of 8 bits that still works')
    .argument('<in>', 'a .keras or .h5 file, or the model.json or folder of a TF.js layers model')
    .requiredOption('-o, --output <folder>', 'where model.json and the files of weights go')
    .addOption(new Option('--dtype <type>', 'what kernels are stored as (uint8)').choices(PACKED_DTYPES))
    .option(
      '--plan <budget=size>',
      'choose the dtype of each kernel so that all weights fit, such as budget=3MB',
      parsePlan,
    )
    .option(
      '--include <patterns...>',
      'only layers whose path matches, such as head or backbone/*; * stands for any characters',
    )
    .option('--exclude <patterns...>', 'layers that stay in float32')
    .option('--shard-size <size>', 'how large a file of weights may be (4MiB)', byteSize)
    .option('--prepare', 'prepare kernels that lie on a grid of 8 bits already too')
    .option('--no-prepare', 'only pack: leave the scales of channels and the biases as they are')
    .addOption(
      new Option('--rounding <how>', 'how kernels come onto a grid of 8 bits (cancelling)').choices(
        ROUNDINGS,
      ),
    )
    .option('--no-correction', 'leave biases as they are')
    .option('--no-trials', 'with --inputs, take the usual settings and try no others')
    .option('--no-verify', 'run nothing')
    .option('--strict', 'end with exit code 1 where the result was not seen to work')
    .option(
      '--inputs <path...>',
      'run it on photographs or a folder of them, a .npz, or a .npy for each input; IN.samples.npz if left out, ' +
        'or made up from a seed; takes all names up to the next option, so <in> stands before it',
    )
    .addOption(labelsOption())
    .addOption(normalizeOption())
    .option(
      '--samples <count>',
      'how many samples: 8 if they are made up, else all of the inputs',
      wholeNumber,
    )
    .option('--no-sidecar', 'do not read IN.crosslayer.json')
    .option('--report <file>', REPORT_HELP)
    .option('--force', 'overwrite the output')
    .option('--json', 'print everything that was done as one JSON object')
    .addHelpText(
      'after',
      `
Kernels of convolutions and Dense are stored in few bits, and so are large matrices of other layers, such as embeddings;
biases, batch norms and all else stay in float32.
  uint8    a quarter of float32; batch norms take the scales of channels first, and biases make up for what rounding changes
  uint16   half of it, as good as float
  float16  half of it
--plan budget=SIZE (3MB, 500 kB, 4MiB, or bytes) gives each kernel a dtype of its own, float32 among them: what is expected to
disturb the outputs most for its bytes gets more bits, until all weights together take that much. The files take some kB more,
for model.json.
What shrinks is the download. TF.js makes float32 of all weights when it loads them: the model is no faster and takes as much
memory.

The files are read again and run, layer by layer and by tf.loadLayersModel, and compared with the model that was read. With
--inputs roundings are tried, means are measured instead of taken from batch norms, and with labels the accuracy is told.
Kernels that lie on a grid of 8 bits already, as of a TF.js model of uint8 weights, stay as they are.`,
    )
    .action((input, options) => printCheck(quantizeCommand(input, options)));
}
