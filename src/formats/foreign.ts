/**
 * Files that people take for a Keras model, known by their first bytes.
 *
 * @module
 */

import type { ByteSource } from './bytes.ts';

/** What a file is instead, and what to do about it. */
export interface ForeignFile {
  /** Stable tag, such as `tflite`. */
  readonly feature: string;
  /** Such as `a TensorFlow Lite model`. */
  readonly description: string;
  /** What to do, as a clause of its own. */
  readonly advice: string;
}

const HEAD_BYTES = 1024;

const GIVE_ORIGINAL = 'give the Keras model (.keras, .h5 or TF.js layers) that it was made from';
export const SAVE_WHOLE =
  "weights alone do not say how the layers connect; save the whole model: model.save('model.keras')";

/** The SavedModel that a folder with `saved_model.pb` is. */
export const SAVED_MODEL: ForeignFile = {
  feature: 'saved-model',
  description: 'a TensorFlow SavedModel',
  advice:
    'save it as one file: pip install tf_keras, then python -c "import tf_keras; ' +
    "tf_keras.models.load_model('saved_model_folder').save('model.h5')\"",
};

/** First bytes that tell alone, a character each, and where they are if not at the start. */
const SIGNATURES: readonly (readonly [file: ForeignFile, bytes: string, at?: number])[] = [
  [
    {
      feature: 'tflite',
      description: 'a TensorFlow Lite model',
      advice: `its layers are fused and gone; ${GIVE_ORIGINAL}`,
    },
    'TFL3',
    4,
  ],
  [{ feature: 'numpy', description: 'a numpy array (.npy)', advice: SAVE_WHOLE }, '\x93NUMPY'],
  [compressed('gzip'), '\x1f\x8b'],
  [compressed('bzip2'), 'BZh'],
  [compressed('xz'), '\xfd7zXZ\0'],
  [compressed('7-zip'), '7z\xbc\xaf'],
  [compressed('zstd'), '\x28\xb5\x2f\xfd'],
  [compressed('tar'), 'ustar', 257],
  [{ feature: 'gguf', description: 'a GGUF model', advice: GIVE_ORIGINAL }, 'GGUF'],
];

function compressed(kind: string): ForeignFile {
  return {
    feature: 'archive',
    description: `a ${kind} archive`,
    advice: 'unpack it and give the model in it',
  };
}

/** What `source` is, where its first bytes are those of another kind of file; undefined where they tell nothing. */
export function describeForeign(source: ByteSource): ForeignFile | undefined {
  if (source.size === 0) {
    return { feature: 'empty', description: 'an empty file', advice: 'copy or download the model again' };
  }
  const head = new Uint8Array(Math.min(HEAD_BYTES, source.size));
  const bytes = head.subarray(0, source.read(0, head));
  const text = String.fromCharCode(...bytes);
  return (
    SIGNATURES.find(([, signature, at]) => text.startsWith(signature, at))?.[0] ??
    describeBinary(bytes, source.size) ??
    describeText(bytes, bytes.length === source.size)
  );
}

function describeBinary(head: Uint8Array, size: number): ForeignFile | undefined {
  const [first, second, third] = head;
  if (first === 0x80 && second !== undefined && second >= 2 && second <= 5) {
    return {
      feature: 'pickle',
      description: 'a Python pickle (joblib, an old torch.save, a dict of weights)',
      advice:
        "loading it can run any code, so it is never opened here; load it in Python, then model.save('model.keras')",
    };
  }
  if (isSafetensors(head, size)) {
    return { feature: 'safetensors', description: 'a safetensors file', advice: SAVE_WHOLE };
  }
  if (first === 0x08 && second !== undefined && second >= 1 && second < 0x40) {
    const text = lengthPrefixed(head, 2);
    if (third === 0x12 && text === undefined && second === 1) return SAVED_MODEL;
    if ((third === 0x12 && text !== undefined) || third === 0x3a || third === 0x42) {
      return { feature: 'onnx', description: 'an ONNX model', advice: GIVE_ORIGINAL };
    }
  }
  if (first === 0x0a && isGraphDef(head)) {
    return {
      feature: 'graph-def',
      description: 'a frozen TensorFlow graph (.pb)',
      advice: `its layers are gone; ${GIVE_ORIGINAL}`,
    };
  }
  return undefined;
}

/** The text of a protobuf field with its length before it, at `offset` of its tag; undefined where it is no text. */
function lengthPrefixed(head: Uint8Array, offset: number): string | undefined {
  const length = head[offset + 1];
  if (length === undefined || length > 127) return undefined;
  const bytes = head.subarray(offset + 2, offset + 2 + length);
  return bytes.length === length && bytes.every((byte) => byte >= 0x20 && byte < 0x7f)
    ? String.fromCharCode(...bytes)
    : undefined;
}

/** `node { name op … }`: two texts, one after the other, after the length of the node. */
function isGraphDef(head: Uint8Array): boolean {
  const start = (head[1] ?? 0) < 0x80 ? 2 : 3;
  if (head[start] !== 0x0a) return false;
  const name = lengthPrefixed(head, start);
  if (name === undefined) return false;
  const next = start + 2 + name.length;
  const op = lengthPrefixed(head, next);
  return head[next] === 0x12 && op !== undefined && /^[A-Z]\w+$/.test(op);
}

/** The length of a JSON header, and the header. */
function isSafetensors(head: Uint8Array, size: number): boolean {
  if (head.length < 10) return false;
  const length = new DataView(head.buffer, head.byteOffset).getBigUint64(0, true);
  return head[8] === 0x7b && head[9] === 0x22 && length >= 2n && length <= BigInt(size);
}

function describeText(head: Uint8Array, isWhole: boolean): ForeignFile | undefined {
  let text: string;
  try {
    // A character may be cut where the head ends.
    text = new TextDecoder('utf-8', { fatal: true }).decode(head, { stream: !isWhole });
  } catch {
    return undefined;
  }
  if ([...head].some((byte) => byte < 0x20 && ![0x09, 0x0a, 0x0c, 0x0d].includes(byte))) return undefined;
  const start = text.trimStart();
  if (start.startsWith('version https://git-lfs')) {
    return {
      feature: 'git-lfs',
      description: 'a git-lfs pointer, not the file that it stands for',
      advice: 'fetch it: git lfs pull',
    };
  }
  if (/^<(!doctype html|html|head|body)/i.test(start)) {
    return {
      feature: 'html',
      description: 'a web page, most likely an error page or a download page',
      advice: 'download the file itself (the "raw" or "download" link)',
    };
  }
  if (/^[[{]/.test(start)) return undefined;
  const shown = JSON.stringify(start.slice(0, 40));
  return {
    feature: 'text',
    description: `text (${shown}${start.length > 40 ? ' …' : ''})`,
    advice: 'give a .keras or .h5 file, or the model.json of a TF.js layers model',
  };
}
