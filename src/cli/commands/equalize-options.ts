import { type Command, Option } from 'commander';
import {
  RELU6_POLICIES,
  type Relu6Policy,
  ROUNDINGS,
  TARGETS,
  type Target,
  type WeightRounding,
} from '../../equalization/options.ts';
import { OBJECTIVES, type Objective } from '../../equalization/scaling/scale-regions.ts';
import { STEPS, type Step } from '../../primitives/equalize-model.ts';
import { type ActivationQuantizer, INT8_ACTIVATIONS } from '../../quantization/quantizer.ts';
import { checkRunOptions, type InputOptions, SEEDED_SAMPLES } from '../chosen-inputs.ts';
import { explained, group, seldom } from '../help.ts';
import {
  choiceOption,
  formatOption,
  inputOptions,
  NO_CORRECTION,
  type OutputOptions,
  outputOption,
  type ProofOptions,
  type ReportOptions,
  reportOptions,
  withOptions,
} from '../options.ts';
import type { SidecarOptions } from '../sidecar.ts';
import { ClashError, UsageError } from '../usage-error.ts';
import { flagOf } from '../used-config.ts';

/** What `--activations` knows by name. */
export const ACTIVATIONS: Readonly<Record<ActivationsName, ActivationQuantizer | 'float'>> = {
  int8: INT8_ACTIVATIONS,
  float: 'float',
};

type ActivationsName = 'int8' | 'float';

/** Options of `crosslayer equalize`. */
export interface EqualizeOptions
  extends InputOptions,
    OutputOptions,
    ProofOptions,
    ReportOptions,
    SidecarOptions {
  readonly target?: Target;
  readonly relu6?: Relu6Policy;
  readonly objective?: Objective;
  readonly rounding?: WeightRounding;
  readonly activations?: ActivationsName;
  /** False with `--no-correction`. */
  readonly correction?: boolean;
  /** True with `--trials`, false with `--no-trials`. */
  readonly trials?: boolean;
  readonly recipe?: 'target' | 'reference';
  readonly steps?: string;
}

/** The command with its options, which does nothing yet. */
export function equalizeOptions(root: Command): Command {
  const command = root
    .command('equalize')
    .description('fold batch norms, scale channels and correct biases for 8-bit weights')
    .argument(
      '<in...>',
      'a .keras or .h5 file, or the model.json or folder of a TF.js layers model; or several of them',
    );
  return explained(
    withOptions(command, [
      outputOption(
        'where the result goes, model.equalized.keras beside <in> if left out; its ending decides the format; a folder for several models',
      ),
      ...seldom([formatOption(['keras', 'h5', 'tfjs'], 'those of the models')]),
      choiceOption('--target <what>', 'what the weights will be quantized as (int8-per-tensor)', TARGETS),
      ...seldom([
        choiceOption('--relu6 <policy>', 'what happens where a factor meets a ReLU6 (exact)', RELU6_POLICIES),
        choiceOption(
          '--objective <what>',
          'what the factors of channels are chosen for (least-noise, for float equal-ranges)',
          OBJECTIVES,
        ),
        choiceOption(
          '--rounding <how>',
          'how weights come onto the grid of the target (nearest; for tfjs-uint8 cancelling)',
          ROUNDINGS,
        ),
        choiceOption(
          '--activations <how>',
          'what activations are where the model runs (int8; for tfjs-uint8 and float always float)',
          Object.keys(ACTIVATIONS),
        ),
        NO_CORRECTION,
        new Option('--trials', 'try settings on made-up inputs too; with --inputs they always are'),
        new Option('--no-trials', 'take the usual settings and try no others'),
        choiceOption('--recipe <which>', 'the recipe for the target, or the steps of the reference', [
          'target',
          'reference',
        ]),
        new Option('--steps <list>', `which steps of the reference, separated by commas: ${STEPS.join(',')}`),
      ]),
      ...group('Proof:', [
        new Option('--no-verify', 'do not run the model before and after each step'),
        new Option('--strict', 'end with exit code 1 where the function was not seen to stay the same'),
      ]),
      ...inputOptions({ before: '<in> stands', madeUp: SEEDED_SAMPLES, verb: 'run it on ' }),
      ...seldom([
        new Option('--no-sidecar', 'neither read IN.crosslayer.json nor write OUT.crosslayer.json'),
      ]),
      ...reportOptions('the output', 'everything that was done as one JSON object'),
    ]),
    {
      examples: [
        ['crosslayer equalize model.keras', 'for 8-bit weights, beside it as model.equalized.keras'],
        [
          'crosslayer equalize model.keras --inputs photos -o ready.keras',
          'measured on a folder of photographs',
        ],
        [
          'crosslayer equalize model.h5 --target int8-per-channel --report ready.html',
          'for a converter with a range per channel, with a page',
        ],
      ],
      more: `
Targets:
  int8-per-tensor   one range for each kernel and tensor: folded, scaled across the whole graph, biases corrected
  int8-per-tensor-symmetric
                    the same on grids from -127 to 127, as TensorFlow Lite has them without per-channel ranges
  int8-per-channel  a range for each output channel: folded, biases corrected
  tfjs-uint8        TF.js models with 8-bit kernels: batch norms stay and carry the scales, biases corrected
  float             folded and scaled across the whole graph
Objectives (int8-per-tensor and -symmetric, float):
  least-noise   kernels with one range each disturb the outputs least, biases corrected
  equal-ranges  the ranges of what writes and what reads a channel match
ReLU6:
  exact  each channel gets a maximum of its own, in an operator behind it; the function stays
  keep   scaling ends at it
  relu   it becomes a ReLU, which changes the function wherever an activation exceeds 6
Rounding:
  nearest     the tool that quantizes rounds
  cancelling  weights are rounded here, so that the errors of a channel cancel each other. A tool that quantizes on the
              same grid keeps them. Often better, not always: crosslayer evaluate tells
Activations (int8-per-tensor and -symmetric, int8-per-channel):
  int8   8 bits, one range for each tensor: factors suit tensors as well as kernels
  float  only kernels are quantized: factors suit kernels
With --inputs, settings that are left open are tried: a model with each is quantized and run, and the one nearest to the
float model is taken. The summary has the table. Without --inputs the usual settings are taken, because made-up inputs
say little about real ones. With --trials, others are taken if they are better by 3 dB on 16 made-up inputs.

Biases make up for what the quantizer will change; until then they are off by as much. Their corrections are measured on
--inputs, or come from the statistics of batch norms.

Steps of the reference (--recipe reference, or --steps), always in this order:
  relu6  replace ReLU6 by ReLU; changes the function wherever an activation exceeds 6
  fold   fold batch norms into the layers beside them
  scale  cross-layer scaling
  bias   high-bias fold (bias absorption); may change the function a little

The model is run before and after each step. If a step that should keep the function changes it, the edit that did is found,
undone and named. With --strict the exit code is then 1, and also if the model cannot be run.

OUT.crosslayer.json is the side-car. It keeps what the file cannot: the statistics of folded batch norms, and the
corrections of biases. It is read when OUT is equalized again, if it still belongs to that file. Without it, only
--inputs tell anything about a model that came folded.`,
    },
  );
}

/** Whether the recipe is that of the reference. */
export function isReference({ recipe, steps }: EqualizeOptions): boolean {
  return recipe === 'reference' || steps !== undefined;
}

/** @throws UsageError where options contradict each other. */
export function checkEqualizeOptions(options: EqualizeOptions): void {
  const { target, objective, rounding, activations, trials, recipe, steps, verify } = options;
  parseSteps(steps ?? STEPS.join(','));
  if (isReference(options)) {
    if (recipe === 'target')
      throw new ClashError(
        '--steps: are those of --recipe reference; leave one of the two out',
        ['recipe'],
        ['steps'],
      );
    const foreign = OF_TARGET.filter((key) => options[key] !== undefined && options[key] !== KEPT.get(key));
    if (foreign.length > 0) {
      const flags = foreign.map((key) => flagOf(key, options[key])).join(', ');
      throw new ClashError(
        `${flags}: the steps of the reference have no such option; leave out --recipe reference and --steps`,
        ['recipe', 'steps'],
        foreign,
      );
    }
  }
  if (objective !== undefined && (target === 'tfjs-uint8' || target === 'int8-per-channel')) {
    throw new ClashError(
      `--objective: the target ${target} scales no regions; leave it out`,
      ['target'],
      ['objective'],
    );
  }
  if (rounding === 'cancelling' && target === 'float') {
    throw new ClashError(
      '--rounding cancelling: the target float has no grid to round to; choose another --target',
      ['target'],
      ['rounding'],
    );
  }
  if (activations === 'int8' && (target === 'tfjs-uint8' || target === 'float')) {
    throw new ClashError(
      `--activations: with the target ${target} activations stay in float; leave it out, or choose --target ` +
        'int8-per-tensor or int8-per-channel',
      ['target'],
      ['activations'],
    );
  }
  if (verify === false && trials === true) {
    throw new ClashError(
      '--no-verify: without a run nothing can be tried; leave out --trials',
      ['verify'],
      ['trials'],
    );
  }
  checkRunOptions(options);
}

/** Options that only recipes for a target have. */
const OF_TARGET = [
  'target',
  'relu6',
  'objective',
  'rounding',
  'activations',
  'correction',
  'trials',
] as const;
/** What options are where they are left out. */
const KEPT: ReadonlyMap<string, unknown> = new Map([['correction', true]]);

/** @throws UsageError where one of them is no step. */
export function parseSteps(text: string): Step[] {
  const names = text.split(',').map((name) => name.trim());
  return names.map((name) => {
    const step = STEPS.find((known) => known === name);
    if (!step) throw new UsageError(`--steps: '${name}' is no step; choose from ${STEPS.join(',')}`);
    return step;
  });
}
