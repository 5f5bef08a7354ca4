#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { Command, CommanderError, Option } from 'commander';
import { RELU6_POLICIES, ROUNDINGS, TARGETS } from '../equalization/options.ts';
import { OBJECTIVES } from '../equalization/scaling/scale-regions.ts';
import { STEPS } from '../primitives/run-steps.ts';
import { DAMAGE_TARGETS } from '../report/layer-damage.ts';
import { NORMALIZATIONS } from '../verification/inputs/normalization.ts';
import { addEvaluate } from './add-evaluate.ts';
import { addQuantize } from './add-quantize.ts';
import { EXIT, EXIT_CODE_HELP, exitCodeOf, messageOf } from './command-result.ts';
import { convertCommand } from './commands/convert.ts';
import { equalizeCommand } from './commands/equalize.ts';
import { ACTIVATIONS } from './commands/equalize-target.ts';
import { inspectCommand } from './commands/inspect.ts';
import { verifyCommand } from './commands/verify.ts';
import { REPORT_HELP, tolerance, wholeNumber } from './options.ts';
import { print, printCheck } from './print.ts';
import { progressDone } from './terminal.ts';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));

function program(): Command {
  const root = new Command('crosslayer')
    .description(
      'Makes Keras models ready for 8-bit weights: folds batch norms, equalizes channel ranges. No Python.',
    )
    .version(version)
    .showHelpAfterError('(crosslayer --help says more)')
    .addHelpText('after', EXIT_CODE_HELP)
    .exitOverride();
  root
    .command('equalize')
    .description('fold batch norms, scale channels and correct biases for 8-bit weights')
    .argument('<in>', 'a .keras or .h5 file, or the model.json or folder of a TF.js layers model')
    .requiredOption('-o, --output <out>', 'where the result goes; its ending decides the format')
    .addOption(
      new Option('--target <what>', 'what the weights will be quantized as (int8-per-tensor)').choices(
        TARGETS,
      ),
    )
    .addOption(
      new Option('--relu6 <policy>', 'what happens where a factor meets a ReLU6 (exact)').choices(
        RELU6_POLICIES,
      ),
    )
    .addOption(
      new Option(
        '--objective <what>',
        'what the factors of channels are chosen for (least-noise, for float equal-ranges)',
      ).choices(OBJECTIVES),
    )
    .addOption(
      new Option(
        '--rounding <how>',
        'how weights come onto the grid of the target (nearest; for tfjs-uint8 cancelling)',
      ).choices(ROUNDINGS),
    )
    .addOption(
      new Option(
        '--activations <how>',
        'what activations will be quantized as too; biases move to where ranges become smaller',
      ).choices(Object.keys(ACTIVATIONS)),
    )
    .option('--no-correction', 'leave biases as they are')
    .option('--trials', 'try settings on made-up inputs too; with --inputs they always are')
    .option('--no-trials', 'take the usual settings and try no others')
    .addOption(
      new Option('--recipe <which>', 'the recipe for the target, or the steps of the reference').choices([
        'target',
        'reference',
      ]),
    )
    .option('--steps <list>', `which steps of the reference, separated by commas: ${STEPS.join(',')}`)
    .option('--no-verify', 'do not run the model before and after each step')
    .option('--strict', 'end with exit code 1 where the function was not seen to stay the same')
    .option(
      '--inputs <path...>',
      'run it on photographs or a folder of them, a .npz, or a .npy for each input; made up from a seed if left out; ' +
        'takes all names up to the next option, so <in> stands before it',
    )
    .addOption(
      new Option('--normalize <how>', 'what is done to pixels; guessed from the model if left out').choices(
        NORMALIZATIONS,
      ),
    )
    .option('--samples <count>', 'how many samples: 4 if they are made up, else all', wholeNumber)
    .option('--no-sidecar', 'neither read IN.crosslayer.json nor write OUT.crosslayer.json')
    .option('--report <file>', REPORT_HELP)
    .option('--force', 'overwrite the output')
    .option('--json', 'print everything that was done as one JSON object')
    .addHelpText(
      'after',
      `
Targets:
  int8-per-tensor   one range for each kernel: folded, scaled across the whole graph, biases corrected
  int8-per-tensor-symmetric
                    the same for grids from -127 to 127, as TensorFlow Lite has them without ranges for channels
  int8-per-channel  a range for each output channel: folded, biases corrected
  tfjs-uint8        TF.js models with 8-bit kernels: batch norms stay and carry the scales, biases corrected
  float             folded and scaled across the whole graph
Objectives (int8-per-tensor and -symmetric, float):
  least-noise   kernels with one range each disturb the outputs least, biases corrected
  equal-ranges  the ranges of what writes and what reads a channel match
ReLU6:
  exact  each channel gets a maximum of its own, in stock layers; the function stays
  keep   scaling ends at it
  relu   it becomes a ReLU, which changes the function wherever an activation exceeds 6
Rounding:
  nearest     the tool that quantizes rounds
  cancelling  weights are put on the grid here, such that errors of a channel cancel each other; a tool that quantizes on
              the same grid keeps them; often better, not always: crosslayer evaluate tells
Activations (int8-per-tensor and -symmetric, int8-per-channel):
  int8  8 bits, one asymmetric range for each tensor: what is always there in the output of a layer moves from its bias
        into that of the next where this is expected to make the range smaller; behind a ReLU it may change the function
        a little, and before padding with zeros it is left
With --inputs, what is left open of these is tried: a model with each setting is quantized and run, and the one that stays
nearest to the float model is taken; the summary has the table. Without, the usual settings are taken, because made-up
inputs say little about real ones; with --trials others are taken that are better by 3 dB on 16 of them.

Biases make up for what the quantizer changes; before it does, they are off by as much. With --inputs they are measured,
else they come from the statistics of batch norms.

Steps of the reference (--recipe reference, or --steps), always in this order:
  relu6  replace ReLU6 by ReLU; changes the function wherever an activation exceeds 6
  fold   fold batch norms into the layers beside them
  scale  cross-layer scaling
  bias   high-bias fold (bias absorption); may change the function a little

The model is run before and after each step. Where one that should keep the function changed it, what did it is found,
undone and named. With --strict that ends with exit code 1, and so does a model that cannot be run.

OUT.crosslayer.json, the side-car, keeps what the file cannot: the statistics of batch norms that were folded, and what
biases were corrected by. When OUT is equalized again it is read, if it still belongs to that file. Without it, a model
that came folded is known by --inputs alone.`,
    )
    .action((input, options) => printCheck(equalizeCommand(input, options)));
  root
    .command('inspect')
    .description(
      'show layers, batch norms, sets, spreads of channel ranges and which layer hurts, and change nothing',
    )
    .argument('<in>', 'the model')
    .addOption(
      new Option('--target <what>', 'what the weights would be quantized as (int8-per-tensor)').choices(
        DAMAGE_TARGETS,
      ),
    )
    .option('--no-sidecar', 'do not read IN.crosslayer.json')
    .option('--report <file>', REPORT_HELP)
    .option('--force', 'overwrite the report')
    .option('--json', 'print one JSON object')
    .action((input, options) => print(inspectCommand(input, options)));
  root
    .command('convert')
    .description(
      'write the model in another format: .keras, .h5, or a folder (or .json) for a TF.js layers model',
    )
    .argument('<in>', 'the model')
    .requiredOption('-o, --output <out>', 'where the result goes; its ending decides the format')
    .addOption(
      new Option('--keras <version>', "which Keras the file is for; the model's own if left out").choices([
        '2',
        '3',
      ]),
    )
    .option('--force', 'overwrite the output')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `
A new .keras file is always for Keras 3; for Keras 2 write an .h5 file: --keras 2 -o model.h5`,
    )
    .action((input, options) => print(convertCommand(input, options)));
  root
    .command('verify')
    .description('run two models on the same inputs and tell whether they compute the same')
    .argument('<original>', 'the model as it was')
    .argument('<candidate>', 'the model that was made of it')
    .option(
      '--inputs <path...>',
      'photographs or a folder of them, a .npz, or a .npy for each input; made up from a seed if left out; ' +
        'takes all names up to the next option, so the models stand before it',
    )
    .addOption(
      new Option('--normalize <how>', 'what is done to pixels; guessed from the model if left out').choices(
        NORMALIZATIONS,
      ),
    )
    .option(
      '--samples <count>',
      'how many samples: 4 if they are made up, else all of the inputs',
      wholeNumber,
    )
    .option('--rtol <part>', 'difference allowed, as a part of the largest value of an output', tolerance)
    .option('--atol <value>', 'difference allowed besides that', tolerance)
    .addOption(
      new Option('--backend <name>', 'where TF.js computes; wasm if it starts').choices(['wasm', 'cpu']),
    )
    .option('--no-sidecar', 'do not read the side-car of the candidate')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `
The models are the same where max |a - b| <= atol + rtol * max |a| for every output, over all samples. If they are left
out, atol is 1e-7, and rtol goes by the coarsest type of the weights that differ: 1e-4 for float32, 1e-1 for float16,
3e-1 for bfloat16. SQNR and top-1 are of the logits where an output is a softmax of them.
The exit code is 1 where they differ, and where it cannot be told.`,
    )
    .action((original, candidate, options) => printCheck(verifyCommand(original, candidate, options)));
  addEvaluate(root);
  addQuantize(root);
  return root;
}

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // A reader that stops early, such as `head`, is no error.
  if (error.code === 'EPIPE') return;
  process.stderr.write(`crosslayer: the result cannot be printed: ${error.message}\n`);
  process.exitCode = EXIT.input;
});

try {
  await program().parseAsync();
} catch (error) {
  progressDone();
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  } else {
    process.stderr.write(`${messageOf(error)}\n`);
    process.exitCode = exitCodeOf(error);
  }
}
