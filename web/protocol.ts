/**
 * What the page asks its worker for, and what it gets: plain data, which `postMessage` clones.
 *
 * @module
 */

import type {
  EqualizeOptions,
  QuantizeOptions,
  Relu6Policy,
  Target,
  VerifyReport,
  WriteOptions,
} from 'crosslayer';
import type { Dialect, IntegerWeights, TfliteIo, WeightRounding } from 'crosslayer/quantization';
import type {
  ChannelStrip,
  DamageReport,
  InspectReport,
  MapLayer,
  ProofReport,
  TargetReport,
  TfliteReport,
} from 'crosslayer/report';
import type { Normalization } from 'crosslayer/verification';

/** A file that the user dropped or picked, with its path where a folder was dropped. */
export interface PickedFile {
  readonly path: string;
  readonly file: File;
}

/** A model that was opened. */
export interface OpenedModel {
  readonly name: string;
  readonly fileName: string;
  /** In words, such as `Keras 3 (.keras)`. */
  readonly format: string;
  /** Of all files. */
  readonly bytes: number;
  readonly parameters: number;
  readonly map: readonly MapLayer[];
  readonly inspect: InspectReport;
  /** As it is and with batch norms folded. */
  readonly strips: readonly ChannelStrip[];
  /** What has to be said of it, in sentences: kernels on 8 bits already, variances that 8 bits ruined. */
  readonly notes: readonly string[];
  /** What it takes pictures as; null where it takes none. */
  readonly pictures: { readonly height: number; readonly width: number; readonly channels: number } | null;
  /** Whether it is the example, whose labelled images the page has. */
  readonly isExample: boolean;
}

/** What models are run on: pictures, and what is done to their pixels, which is guessed where it is left out. */
export interface PicturesAsked {
  readonly pictures: readonly PickedFile[];
  readonly normalization?: Normalization | undefined;
}

/** What can be chosen; what is left out is as usual. */
export interface Choice extends Pick<EqualizeOptions, 'objective' | 'rounding'> {
  readonly target: Target;
  readonly relu6: Relu6Policy;
  readonly activations?: 'float';
  readonly biasCorrection?: 'none';
}

/** What a choice is expected to do, before it is done. */
export interface Preview extends Pick<Choice, 'target' | 'relu6'> {
  /** By how many dB less 8-bit kernels are expected to disturb the outputs than those of the plain model; null: not known. */
  readonly gainDb: number | null;
  /** What the choice costs, in a sentence: layers added, activations changed by dropping a maximum, nothing. */
  readonly cost: string;
  /** Why it cannot be chosen; null where it can. */
  readonly obstacle: string | null;
}

/** Which layers hurt, and how much of each kernel rounding leaves. */
export interface Damage {
  readonly report: DamageReport;
  readonly weightSqnr: TargetReport['weightSqnr'];
}

/** What equalizing did. */
export interface EqualizedModel extends Choice {
  readonly report: TargetReport;
  /** The proof; null where it was left out. */
  readonly verification: ProofReport | null;
  /** Of the plain model (folded where the target folds) and the equalized one. */
  readonly strips: readonly ChannelStrip[];
  /** The spread of each layer now, by path. */
  readonly spreads: readonly (readonly [layer: string, spread: number])[];
  readonly damage: DamageReport | null;
}

/** The classes that a model finds likeliest, the first first. */
export type TopClasses = readonly { readonly index: number; readonly share: number }[];

/** Predictions side by side. */
export interface Comparison {
  readonly inputs: string;
  readonly normalization: Normalization | null;
  /** For each picture. */
  readonly rows: readonly {
    readonly name: string;
    readonly label: number | null;
    readonly float: TopClasses;
    readonly plain: TopClasses;
    readonly equalized: TopClasses;
  }[];
  /** Shares of pictures with the same first class as in float, and SQNR of the scores in dB. */
  readonly plain: { readonly agreement: number; readonly sqnrDb: number; readonly accuracy: number | null };
  readonly equalized: {
    readonly agreement: number;
    readonly sqnrDb: number;
    readonly accuracy: number | null;
  };
  /** Share of labels that the float model gets right; null without labels. */
  readonly accuracy: number | null;
}

/** What can be taken home. */
export type TakenForm = 'as-it-came' | 'keras-v3' | 'keras-h5' | 'tfjs-float' | 'tfjs-packed' | 'report';

/** How a TF.js model is written. */
export interface TfjsChoice extends Pick<WriteOptions, 'shardBytes'> {
  /** Whether a script comes along with classes for the layers that TF.js lacks. */
  readonly layersScript?: boolean;
}

/** How it is to be. */
export type TakeAsked =
  | { readonly form: Exclude<TakenForm, 'keras-h5' | 'tfjs-float' | 'tfjs-packed'> }
  | ({ readonly form: 'tfjs-float' } & TfjsChoice)
  | { readonly form: 'keras-h5'; readonly dialect?: Dialect }
  | ({ readonly form: 'tfjs-packed' } & TfjsChoice &
      Pick<QuantizeOptions, 'dtype' | 'plan' | 'include' | 'exclude' | 'prepare'>);

/** Which weights of a `.tflite` file share a scale, and what stands at its ends. */
export interface TfliteScales {
  readonly weights: IntegerWeights;
  /** Of Dense layers. */
  readonly dense: IntegerWeights;
  readonly io: TfliteIo;
}

/** How a `.tflite` file is to be. */
export interface TfliteChoice extends TfliteScales {
  /** Whether it stays in float, made ready for a tool that quantizes it. */
  readonly float: boolean;
  /** Whether layers without a kernel for whole numbers may stay in float. */
  readonly allowFloat: boolean;
  readonly rounding: WeightRounding;
  /** Whether biases make up for what rounding changes. */
  readonly correction: boolean;
  /** For each input its sizes without the batch; none where the model has them. */
  readonly inputShape: readonly (readonly number[])[];
}

/** A download. */
export interface Download {
  readonly fileName: string;
  readonly blob: Blob;
  /** What could not be kept, and what has to be known, in sentences. */
  readonly notes: readonly string[];
}

/** A `.tflite` file in whole numbers, and what is to be said of it. */
export interface TakenTflite
  extends Pick<
    TfliteReport,
    | 'weights'
    | 'dense'
    | 'float'
    | 'io'
    | 'bytes'
    | 'operators'
    | 'inFloat'
    | 'ranges'
    | 'notTaken'
    | 'check'
    | 'notVerified'
  > {
  readonly download: Download;
}

/** Everything that the worker does. */
export interface Operations {
  /** Reads files: a `.keras`, an `.h5`, or `model.json` with its shards, or a zip of these. */
  readonly open: { readonly asked: { readonly files: readonly PickedFile[] }; readonly result: OpenedModel };
  /** The project's own example, fetched from the page's folder. */
  readonly openExample: { readonly asked: object; readonly result: OpenedModel };
  /** Which layers hurt, of the open model, before and after what is chosen. */
  readonly damage: { readonly asked: Choice; readonly result: Damage };
  /** What a choice is expected to do. */
  readonly preview: { readonly asked: Pick<Preview, 'target' | 'relu6'>; readonly result: Preview };
  readonly equalize: {
    /** With pictures biases are corrected by what the model makes of them, and what is left out of the choice is tried. */
    readonly asked: Choice & { readonly verify: boolean } & Partial<PicturesAsked>;
    readonly result: EqualizedModel;
  };
  /** Runs the open model, its plain 8-bit twin and the equalized one's on pictures, or on the example's images. */
  readonly compare: {
    readonly asked: Pick<PicturesAsked, 'normalization'> & {
      readonly pictures: readonly PickedFile[] | 'example';
      /** For each picture, or nothing. */
      readonly labels?: readonly number[];
    };
    readonly result: Comparison;
  };
  /** Whether another file computes what the open model does; on samples that are made up where there are no pictures. */
  readonly verify: {
    readonly asked: { readonly files: readonly PickedFile[] } & PicturesAsked;
    readonly result: VerifyReport;
  };
  /** The equalized model, or the one that is open where none was equalized. */
  readonly take: { readonly asked: TakeAsked; readonly result: Download };
  /** The model that is open in whole numbers, run once it is written. */
  readonly takeTflite: {
    /** Ranges are measured on pictures, and the file is run on them; where there are none, ranges come from statistics. */
    readonly asked: TfliteChoice & PicturesAsked & { readonly labels?: readonly number[] };
    readonly result: TakenTflite;
  };
}

export type OperationName = keyof Operations;

/** To the worker. One operation at a time; a second one is refused. */
export interface Request<Name extends OperationName = OperationName> {
  readonly id: number;
  readonly name: Name;
  readonly asked: Operations[Name]['asked'];
}

/** From the worker: messages of progress, then one of the others. */
export type Reply =
  | { readonly id: number; readonly kind: 'progress'; readonly text: string; readonly share: number | null }
  | { readonly id: number; readonly kind: 'result'; readonly result: Operations[OperationName]['result'] }
  | { readonly id: number; readonly kind: 'error'; readonly message: string; readonly isExpected: boolean };
