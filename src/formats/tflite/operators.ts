/**
 * The operators that are written, as `schema.fbs` of LiteRT numbers them and lays their options out.
 *
 * @module
 */

import { ownEntry } from '../../json/value.ts';

/** The name of an operator that is written. */
export type OperatorName =
  | 'ABS'
  | 'ADD'
  | 'AVERAGE_POOL_2D'
  | 'CONCATENATION'
  | 'CONV_2D'
  | 'CONV_3D'
  | 'DEPTHWISE_CONV_2D'
  | 'DEQUANTIZE'
  | 'DIV'
  | 'EXP'
  | 'FULLY_CONNECTED'
  | 'GATHER'
  | 'GELU'
  | 'LOG'
  | 'LOGISTIC'
  | 'LOG_SOFTMAX'
  | 'MAX_POOL_2D'
  | 'MUL'
  | 'NEG'
  | 'RELU'
  | 'RELU6'
  | 'RESHAPE'
  | 'RESIZE_BILINEAR'
  | 'RSQRT'
  | 'SOFTMAX'
  | 'TANH'
  | 'PAD'
  | 'TRANSPOSE'
  | 'MEAN'
  | 'SUB'
  | 'STRIDED_SLICE'
  | 'PRELU'
  | 'MAXIMUM'
  | 'MINIMUM'
  | 'TRANSPOSE_CONV'
  | 'RESIZE_NEAREST_NEIGHBOR'
  | 'LEAKY_RELU'
  | 'ELU'
  | 'QUANTIZE'
  | 'HARD_SWISH';

/** How an option is stored. */
export type OptionType = 'byte' | 'bool' | 'int' | 'float' | 'ints';

/** An option in the order of its slot: its name and its type. */
export type OptionSlot = readonly [name: string, type: OptionType];

/** What the schema says of an operator. */
export interface OperatorSchema {
  /** Its BuiltinOperator. */
  readonly code: number;
  /** The member of the union BuiltinOptions; 0 where it has none. */
  readonly optionsType: number;
  readonly slots: readonly OptionSlot[];
  /** The options whose default in the schema is not 0. */
  readonly defaults?: Readonly<Record<string, number>>;
}

const ACTIVATION: OptionSlot = ['fused_activation_function', 'byte'];
const STRIDES: readonly OptionSlot[] = [
  ['padding', 'byte'],
  ['stride_w', 'int'],
  ['stride_h', 'int'],
];
const DILATIONS: readonly OptionSlot[] = [
  ['dilation_w_factor', 'int'],
  ['dilation_h_factor', 'int'],
];
const UNDILATED = { dilation_w_factor: 1, dilation_h_factor: 1 };
const POOL: readonly OptionSlot[] = [
  ...STRIDES,
  ['filter_width', 'int'],
  ['filter_height', 'int'],
  ACTIVATION,
];
const NO_SLOTS: readonly OptionSlot[] = [];

/** By name. */
const OPERATORS: Readonly<Record<OperatorName, OperatorSchema>> = {
  ABS: { code: 101, optionsType: 78, slots: NO_SLOTS },
  ADD: { code: 0, optionsType: 11, slots: [ACTIVATION] },
  AVERAGE_POOL_2D: { code: 1, optionsType: 5, slots: POOL },
  CONCATENATION: { code: 2, optionsType: 10, slots: [['axis', 'int'], ACTIVATION] },
  CONV_2D: { code: 3, optionsType: 1, slots: [...STRIDES, ACTIVATION, ...DILATIONS], defaults: UNDILATED },
  CONV_3D: {
    code: 132,
    optionsType: 106,
    slots: [
      ['padding', 'byte'],
      ['stride_d', 'int'],
      ['stride_w', 'int'],
      ['stride_h', 'int'],
      ACTIVATION,
      ['dilation_d_factor', 'int'],
      ...DILATIONS,
    ],
    defaults: { dilation_d_factor: 1, ...UNDILATED },
  },
  DEPTHWISE_CONV_2D: {
    code: 4,
    optionsType: 2,
    slots: [...STRIDES, ['depth_multiplier', 'int'], ACTIVATION, ...DILATIONS],
    defaults: UNDILATED,
  },
  DEQUANTIZE: { code: 6, optionsType: 38, slots: NO_SLOTS },
  DIV: { code: 42, optionsType: 29, slots: [ACTIVATION] },
  EXP: { code: 47, optionsType: 33, slots: NO_SLOTS },
  FULLY_CONNECTED: {
    code: 9,
    optionsType: 8,
    slots: [ACTIVATION, ['weights_format', 'byte'], ['keep_num_dims', 'bool']],
  },
  GATHER: {
    code: 36,
    optionsType: 23,
    slots: [
      ['axis', 'int'],
      ['batch_dims', 'int'],
    ],
  },
  GELU: { code: 150, optionsType: 116, slots: [['approximate', 'bool']] },
  LOG: { code: 73, optionsType: 0, slots: NO_SLOTS },
  LOG_SOFTMAX: { code: 50, optionsType: 36, slots: NO_SLOTS },
  LOGISTIC: { code: 14, optionsType: 0, slots: NO_SLOTS },
  MAX_POOL_2D: { code: 17, optionsType: 5, slots: POOL },
  MUL: { code: 18, optionsType: 21, slots: [ACTIVATION] },
  NEG: { code: 59, optionsType: 42, slots: NO_SLOTS },
  RELU: { code: 19, optionsType: 0, slots: NO_SLOTS },
  RELU6: { code: 21, optionsType: 0, slots: NO_SLOTS },
  RESHAPE: { code: 22, optionsType: 17, slots: [['new_shape', 'ints']] },
  RESIZE_BILINEAR: {
    code: 23,
    optionsType: 15,
    // The first two are the sizes of old files.
    slots: [
      ['new_height', 'int'],
      ['new_width', 'int'],
      ['align_corners', 'bool'],
      ['half_pixel_centers', 'bool'],
    ],
  },
  RSQRT: { code: 76, optionsType: 0, slots: NO_SLOTS },
  SOFTMAX: { code: 25, optionsType: 9, slots: [['beta', 'float']] },
  TANH: { code: 28, optionsType: 0, slots: NO_SLOTS },
  PAD: { code: 34, optionsType: 22, slots: NO_SLOTS },
  TRANSPOSE: { code: 39, optionsType: 26, slots: NO_SLOTS },
  MEAN: { code: 40, optionsType: 27, slots: [['keep_dims', 'bool']] },
  SUB: { code: 41, optionsType: 28, slots: [ACTIVATION] },
  STRIDED_SLICE: {
    code: 45,
    optionsType: 32,
    slots: [
      ['begin_mask', 'int'],
      ['end_mask', 'int'],
      ['ellipsis_mask', 'int'],
      ['new_axis_mask', 'int'],
      ['shrink_axis_mask', 'int'],
    ],
  },
  PRELU: { code: 54, optionsType: 0, slots: NO_SLOTS },
  MAXIMUM: { code: 55, optionsType: 39, slots: NO_SLOTS },
  MINIMUM: { code: 57, optionsType: 39, slots: NO_SLOTS },
  TRANSPOSE_CONV: { code: 67, optionsType: 49, slots: STRIDES },
  RESIZE_NEAREST_NEIGHBOR: {
    code: 97,
    optionsType: 74,
    slots: [
      ['align_corners', 'bool'],
      ['half_pixel_centers', 'bool'],
    ],
  },
  LEAKY_RELU: { code: 98, optionsType: 75, slots: [['alpha', 'float']] },
  ELU: { code: 111, optionsType: 0, slots: NO_SLOTS },
  QUANTIZE: { code: 114, optionsType: 89, slots: NO_SLOTS },
  HARD_SWISH: { code: 117, optionsType: 91, slots: NO_SLOTS },
};

/** What the schema says of the operator. */
export function schemaOf(op: OperatorName): OperatorSchema {
  return OPERATORS[op];
}

/**
 * The lowest version of an operator that writes floats.
 *
 * @param version the one that has its options and int8
 */
export function floatVersion(
  op: OperatorName,
  version: number,
  options: Readonly<Record<string, unknown>>,
): number {
  switch (op) {
    case 'CONV_2D':
      return version >= GROUPED_CONV ? version : 1;
    case 'DEPTHWISE_CONV_2D':
      return DILATIONS.some(([name]) => (ownEntry(options, name) ?? 1) !== 1) ? 2 : 1;
    // With a bias; with half_pixel_centers; from int8.
    case 'TRANSPOSE_CONV':
    case 'RESIZE_BILINEAR':
    case 'DEQUANTIZE':
      return version;
    default:
      return 1;
  }
}

/** The version of CONV_2D that has groups. */
export const GROUPED_CONV = 6;

/** `Padding` of the schema. */
export const PADDING: { readonly same: 0; readonly valid: 1 } = { same: 0, valid: 1 };

/** `ActivationFunctionType` of the schema. */
export const FUSED: { readonly none: 0; readonly relu: 1; readonly relu6: 3 } = {
  none: 0,
  relu: 1,
  relu6: 3,
};

const NAMES: ReadonlyMap<number, OperatorName> = new Map(
  Object.entries(OPERATORS).map(([name, { code }]) => [code, name as OperatorName]),
);

/** The name of a BuiltinOperator; undefined for one that is not written here. */
export function operatorNameOf(code: number): OperatorName | undefined {
  return NAMES.get(code);
}
