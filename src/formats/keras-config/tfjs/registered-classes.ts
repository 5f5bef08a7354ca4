/**
 * What tfjs-layers 4.22 registers: `serialization.SerializationMap.getMap().classNameMap` after importing it.
 *
 * @module
 */

import { words } from '../../../text/names.ts';

/** Layers, cells and models. */
export const TFJS_LAYERS: ReadonlySet<string> = words(`
  InputLayer Model Functional Sequential ReLU LeakyReLU PReLU ELU ThresholdedReLU Softmax Conv2D Conv3D
  Conv2DTranspose Conv3DTranspose SeparableConv2D Conv1D Cropping2D UpSampling2D DepthwiseConv2D RNN SimpleRNNCell
  SimpleRNN GRUCell GRU LSTMCell LSTM StackedRNNCells ConvLSTM2DCell ConvLSTM2D Dropout SpatialDropout1D Dense Flatten
  Activation RepeatVector Reshape Permute Masking Embedding Add Multiply Average Maximum Minimum Concatenate Dot
  GaussianNoise GaussianDropout AlphaDropout BatchNormalization LayerNormalization ZeroPadding2D MaxPooling1D
  AveragePooling1D MaxPooling2D AveragePooling2D MaxPooling3D AveragePooling3D GlobalAveragePooling1D
  GlobalMaxPooling1D GlobalAveragePooling2D GlobalMaxPooling2D TimeDistributed Bidirectional Rescaling CenterCrop
  CategoryEncoding Resizing RandomWidth
`);

/** Activation functions, by the names that Keras 2 has for them. */
export const TFJS_ACTIVATIONS: ReadonlySet<string> = words(`
  elu selu relu relu6 linear sigmoid hard_sigmoid softplus softsign tanh softmax log_softmax gelu mish swish
`);

/** Initializers. */
export const TFJS_INITIALIZERS: ReadonlySet<string> = words(`
  Zeros Ones Constant RandomUniform RandomNormal TruncatedNormal Identity VarianceScaling GlorotUniform GlorotNormal
  HeNormal HeUniform LeCunNormal LeCunUniform Orthogonal
`);
