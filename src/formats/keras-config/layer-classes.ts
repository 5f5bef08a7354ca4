/** Former and alternative names of Keras' layer classes, and classes that do the same in inference. */
const FORMER_CLASSES: ReadonlyMap<string, string> = new Map([
  ['BatchNormalizationV1', 'BatchNormalization'],
  ['BatchNormalizationV2', 'BatchNormalization'],
  ['SyncBatchNormalization', 'BatchNormalization'],
  ['Convolution1D', 'Conv1D'],
  ['Convolution2D', 'Conv2D'],
  ['Convolution3D', 'Conv3D'],
  ['Convolution1DTranspose', 'Conv1DTranspose'],
  ['Convolution2DTranspose', 'Conv2DTranspose'],
  ['Convolution3DTranspose', 'Conv3DTranspose'],
  ['SeparableConvolution1D', 'SeparableConv1D'],
  ['SeparableConvolution2D', 'SeparableConv2D'],
  ['UnifiedLSTM', 'LSTM'],
  ['UnifiedGRU', 'GRU'],
]);

/** The name that a class goes by now. */
export function presentClassName(className: string): string {
  return FORMER_CLASSES.get(className) ?? className;
}
