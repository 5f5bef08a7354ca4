/**
 * The operators that are written, as `schema.fbs` of LiteRT numbers them and lays their options out.
 *
 * @module
 */

/** The name of an operator that is written. */
export type OperatorName =
  | 'ADD'
  | 'AVERAGE_POOL_2D'
  | 'CONCATENATION'
  | 'CONV_2D'
  | 'DEPTHWISE_CONV_2D'
  | 'DEQUANTIZE'
  | 'FULLY_CONNECTED'
  | 'LOGISTIC'
  | 'MAX_POOL_2D'
  | 'MUL'
  | 'RELU'
  | 'RELU6'
  | 'RESHAPE'
  | 'RESIZE_BILINEAR'
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
  ADD: { code: 0, optionsType: 11, slots: [ACTIVATION] },
  AVERAGE_POOL_2D: { code: 1, optionsType: 5, slots: POOL },
  CONCATENATION: { code: 2, optionsType: 10, slots: [['axis', 'int'], ACTIVATION] },
  CONV_2D: { code: 3, optionsType: 1, slots: [...STRIDES, ACTIVATION, ...DILATIONS], defaults: UNDILATED },
  DEPTHWISE_CONV_2D: {
    code: 4,
    optionsType: 2,
    slots: [...STRIDES, ['depth_multiplier', 'int'], ACTIVATION, ...DILATIONS],
    defaults: UNDILATED,
  },
  DEQUANTIZE: { code: 6, optionsType: 38, slots: NO_SLOTS },
  FULLY_CONNECTED: {
    code: 9,
    optionsType: 8,
    slots: [ACTIVATION, ['weights_format', 'byte'], ['keep_num_dims', 'bool']],
  },
  LOGISTIC: { code: 14, optionsType: 0, slots: NO_SLOTS },
  MAX_POOL_2D: { code: 17, optionsType: 5, slots: POOL },
  MUL: { code: 18, optionsType: 21, slots: [ACTIVATION] },
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
