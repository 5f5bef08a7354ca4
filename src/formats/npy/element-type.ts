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
  const [what, advice = "convert it: np.save(name, array.astype('float32'))"] = OTHERS.get(
    code.charAt(0),
  ) ?? ['a type that is not known'];
  throw unsupportedElements(source, `dtype '${descr}' (${what})`, advice);
}

const TEXT = [
  'text',
  'save numbers instead, such as the indices of np.unique(array, return_inverse=True)',
] as const;

/** Elements that are not read, by the first letter of their code, and what to save in their place. */
const OTHERS: ReadonlyMap<string, readonly [what: string, advice?: string]> = new Map<
  string,
  readonly [string, string?]
>([
  [
    'O',
    [
      'pickled Python objects, which are never loaded: they can run code',
      'save an array of numbers: np.save(name, np.stack(list(array)))',
    ],
  ],
  ['S', TEXT],
  ['a', TEXT],
  ['U', TEXT],
  ['c', ['complex numbers', 'save array.real and array.imag as arrays of their own']],
  ['V', ['raw bytes']],
  ['M', ['times']],
  ['m', ['times']],
  ['f', ['long doubles']],
]);

/** The error for arrays whose elements are not taken. */
export function unsupportedElements(source: string, found: string, advice: string): UnsupportedModelError {
  return new UnsupportedModelError(
    'numpy-dtype',
    `${source}: ${found} is not read; expected real numbers (bool, int8 to uint64, float16 to float64): ${advice}`,
  );
}
