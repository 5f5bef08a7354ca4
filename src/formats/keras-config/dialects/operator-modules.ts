/**
 * Operators in HDF5 files of Keras 3, which writes them there without the module that tells them from layers of the same name,
 * and does not open such a file itself.
 *
 * @module
 */

import { isObject, type JsonObject, type JsonValue } from '../../../json/value.ts';
import { words } from '../../../text/names.ts';
import { classNameOf, configOf } from '../serialized-objects.ts';

/** The classes of operators of Keras 3.15, by their module in `keras.src.ops`. */
const MODULES: readonly (readonly [module: string, classes: ReadonlySet<string>])[] = [
  [
    'nn',
    words(`
    AdaptiveAveragePool AdaptiveMaxPool AveragePool BatchNorm BinaryCrossentropy CTCDecode CTCLoss CategoricalCrossentropy Celu
    Conv ConvTranspose DepthToSpace DepthwiseConv DotProductAttention Elu Fold Gelu Glu HardShrink HardSigmoid HardSilu HardTanh
    LayerNorm LeakyRelu LogSigmoid LogSoftmax MaxPool Moments MultiHot Normalize OneHot PSNR Polar RMSNorm Relu Relu6 Selu
    SeparableConv Sigmoid Silu SoftShrink Softmax Softplus Softsign SpaceToDepth SparseCategoricalCrossentropy SparsePlus
    SparseSigmoid Sparsemax Squareplus TanhShrink Threshold Unfold
  `),
  ],
  [
    'core',
    words(`
    AssociativeScan Cast Cond ConvertToTensor ForiLoop Map SaturateCast Scan Scatter ScatterUpdate Slice SliceUpdate StopGradient
    Switch Unstack VectorizedMap WhileLoop
  `),
  ],
  [
    'math',
    words(`
    CDist Erf Erfc Erfinv ExtractSequences FFT FFT2 IFFT2 IRFFT ISTFT InTopK Logdet Logsumexp RFFT Rsqrt STFT SegmentMax
    SegmentMin SegmentProd SegmentReduction SegmentSum TopK ViewAsComplex ViewAsReal
  `),
  ],
  [
    'image',
    words(`
    AffineTransform CropImages ElasticTransform ExtractPatches GaussianBlur HSVToRGB MapCoordinates PadImages
    PerspectiveTransform RGBToGrayscale RGBToHSV Resize SSIM ScaleAndTranslate SobelEdges
  `),
  ],
  [
    'linalg',
    words(`
    Cholesky CholeskyInverse Det Eig Eigh Inv JVP Lstsq LuFactor MatrixRank Norm Pinv Qr SVD Solve SolveTriangular
  `),
  ],
  [
    'numpy',
    words(`
    Abs Absolute Add All AllClose Amax Amin Angle Any Append Arange Arccos Arccosh Arcsin Arcsinh Arctan Arctan2 Arctanh Argmax
    Argmin Argpartition Argsort Array ArraySplit Average Bincount BitwiseAnd BitwiseInvert BitwiseLeftShift BitwiseNot BitwiseOr
    BitwiseRightShift BitwiseXor BroadcastTo Cbrt Ceil Clip Concatenate Conj Conjugate Copy Corrcoef Correlate Cos Cosh
    CountNonzero Cross Cumprod Cumsum Deg2rad Diag Diagflat Diagonal Diff Digitize Divide DivideNoNan Dot Dsplit Dstack Einsum
    EmptyLike Equal Exp Exp2 ExpandDims Expm1 Fabs Flip Fliplr Flipud Floor FloorDivide Fmax Fmin Fmod Full FullLike Gcd
    Geomspace GetItem Greater GreaterEqual Heaviside Histogram Hsplit Hstack Hypot I0 Imag Inner IsIn Isclose Isfinite Isinf
    Isnan Isneginf Isposinf Isreal Kron Lcm Ldexp LeftShift Less LessEqual Linspace Log Log10 Log1p Log2 Logaddexp Logaddexp2
    LogicalAnd LogicalNot LogicalOr LogicalXor Logspace Matmul Max Maximum Mean Median Meshgrid Min Minimum Mod Moveaxis
    Multiply NanToNum Nanargmax Nanargmin Nancumprod Nancumsum Nanmax Nanmean Nanmedian Nanmin Nanpercentile Nanprod Nanquantile
    Nanstd Nansum Nanvar Ndim Negative Nextafter Nonzero NotEqual OnesLike Outer Pad Percentile Power Prod Ptp Quantile Rad2deg
    Ravel Real Reciprocal Repeat Reshape RightShift Roll Rot90 Round SearchSorted Select Sign Signbit Sin Sinc Sinh Size Slogdet
    Sort Split Sqrt Square Squeeze Stack Std Subtract Sum Swapaxes Take TakeAlongAxis Tan Tanh Tensordot Tile Trace Transpose
    Trapezoid Tril Triu TrueDivide Trunc Unique UnravelIndex Vander Var Vdot View Vsplit Vstack Where ZerosLike
  `),
  ],
];

/** The configuration of a model with the modules of its operators, as Keras 3 writes them into `.keras` files. */
export function withOperatorModules(model: JsonObject): JsonObject {
  const { layers, ...config } = configOf(model);
  if (!Array.isArray(layers)) return model;
  return { ...model, config: { ...config, layers: layers.map(withModule) } };
}

function withModule(entry: JsonValue): JsonValue {
  if (!isObject(entry)) return entry;
  const className = classNameOf(entry);
  const module = isBare(entry) ? MODULES.find(([, classes]) => classes.has(className))?.[0] : undefined;
  if (module === undefined) return withOperatorModules(entry);
  return { ...entry, module: `keras.src.ops.${module}`, registered_name: className };
}

/** Whether an entry has no module and may be an operator: every layer of Keras says whether it is trainable, and no operator does. */
function isBare(entry: JsonObject): boolean {
  const { inbound_nodes: nodes, module } = entry;
  const isCalledByKeras3 = Array.isArray(nodes) && isObject(nodes[0]);
  return module === undefined && isCalledByKeras3 && !('trainable' in configOf(entry));
}
