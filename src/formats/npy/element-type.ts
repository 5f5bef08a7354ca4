import { UnsupportedModelError } from '../../errors.ts';
import type { DType } from '../../tensor/dtype.ts';

/** How the elements of a numpy array are stored. */
export interface ElementType {
  readonly dtype: DType;
  readonly isBigEndian: boolean;
}

const DTYPES: ReadonlyMap<string, DType> = new Map([
  ['b1', 'bool'],
  ['u1', 'uint8'],
  ['i1', 'int8'],
  ['u2', 'uint16'],
  ['i2', 'int16'],
  ['u4', 'uint32'],
  ['i4', 'int32'],
  ['u8', 'uint64'],
  ['i8', 'int64'],
  ['f2', 'float16'],
  ['f4', 'float32'],
  ['f8', 'float64'],
]);

/**
 * The element type that numpy's `descr` stands for, such as `<f4`; `=` and no sign are little-endian.
 *
 * @param source the array, for messages.
 * @throws UnsupportedModelError where it holds no real numbers, or numbers of a size that JavaScript lacks.
 */
export function parseElementType(descr: string, source: string): ElementType {
  const [, order = '', code = ''] = /^([<>|=]?)(.*)$/s.exec(descr) ?? [];
  const dtype = DTYPES.get(code === '?' ? 'b1' : code);
  if (dtype) return { dtype, isBigEndian: order === '>' };
  throw unsupportedElements(source, `dtype '${descr}' (${describeCode(code)})`, adviceFor(code));
}

/** The error for arrays whose elements are not taken. */
export function unsupportedElements(source: string, found: string, advice: string): UnsupportedModelError {
  return new UnsupportedModelError(
    'numpy-dtype',
    `${source}: ${found} is not read; expected real numbers (bool, int8 to uint64, float16 to float64): ${advice}`,
  );
}

function describeCode(code: string): string {
  switch (code[0]) {
    case 'O':
      return 'pickled Python objects, which are never loaded: they can run code';
    case 'S':
    case 'a':
    case 'U':
      return 'text';
    case 'c':
      return 'complex numbers';
    case 'V':
      return 'raw bytes';
    case 'M':
    case 'm':
      return 'times';
    case 'f':
      return 'long doubles';
    default:
      return 'a type that is not known';
  }
}

function adviceFor(code: string): string {
  switch (code[0]) {
    case 'O':
      return 'save an array of numbers: np.save(name, np.stack(list(array)))';
    case 'S':
    case 'a':
    case 'U':
      return 'save numbers instead, such as the indices of np.unique(array, return_inverse=True)';
    case 'c':
      return 'save array.real and array.imag as arrays of their own';
    default:
      return "convert it: np.save(name, array.astype('float32'))";
  }
}
