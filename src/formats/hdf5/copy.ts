/**
 * Copying parts of one HDF5 file into another, and tensors into either.
 *
 * @module
 */

import type { Tensor } from '../../tensor/tensor.ts';
import { type Attribute, stringAttribute } from './attribute.ts';
import { isWritten } from './chunk-storage.ts';
import type { Hdf5Dataset } from './dataset.ts';
import { bytesOfValues } from './element-values.ts';
import type { Hdf5File } from './file.ts';
import { ObjectCount } from './object-count.ts';
import { dtypeOf, type Hdf5Type, typeOfDtype } from './type.ts';
import { type DatasetSpec, fitsHeader, type GroupWriter } from './writer.ts';

/** Which links, by their paths, or attributes, by their names, are left out. */
type IsSkipped = (name: string) => boolean;
const nothing: IsSkipped = () => false;

/** A dataset that was copied. */
interface Copied {
  readonly address: number;
  /** How many links lead to it. */
  links: number;
}

/** Copies from one file into another, and what could not be copied. */
export class Hdf5Copier {
  readonly #file: Hdf5File;
  readonly #dropped: string[];
  readonly #objects: ObjectCount;
  /** By their addresses in the file that is read: what several links lead to is copied once. */
  readonly #copied = new Map<string, Copied>();

  /** @param dropped sentences on what could not be copied are added to it. */
  constructor(file: Hdf5File, dropped: string[]) {
    this.#file = file;
    this.#dropped = dropped;
    this.#objects = new ObjectCount(file);
  }

  /** Copies the group at `path` with all that is in it into `target`, but for the links that `isSkipped` names. */
  async group(path: string, target: GroupWriter, isSkipped: IsSkipped = nothing, depth = 0): Promise<void> {
    this.attributes(path, target);
    await this.links(path, target, isSkipped, depth);
  }

  /** Copies what is in the group at `path`, but not its attributes. */
  async links(path: string, target: GroupWriter, isSkipped: IsSkipped = nothing, depth = 0): Promise<void> {
    for (const name of this.#file.names(path)) {
      const child = path === '' ? name : `${path}/${name}`;
      if (!isSkipped(child)) await this.link(child, target, name, isSkipped, depth);
    }
  }

  /** Copies the attributes of a group, but for those that `isSkipped` names. */
  attributes(path: string, target: GroupWriter, isSkipped: IsSkipped = nothing): void {
    const names = this.#file.attributeNames(path).filter((name) => !isSkipped(name));
    this.readAttributes(path, this.#file.attributes(path, names), target);
  }

  /** Copies attributes that were read from the group at `path`. */
  readAttributes(path: string, attributes: readonly Attribute[], target: GroupWriter): void {
    for (const attribute of attributes) {
      if (this.#isAttributeCopied(path, attribute)) target.setAttribute(attribute);
    }
  }

  /** Copies the dataset at `path`, bit for bit and stored as it was. */
  async dataset(path: string, target: GroupWriter, name: string): Promise<void> {
    const dataset = this.#file.dataset(path);
    if (!this.#isCopied(path, dataset.type)) return;
    const at = this.#file.address(path);
    const copied = this.#copied.get(at);
    if (copied) return target.hardLink(name, copied.address, ++copied.links);
    const content = dataset.type.kind === 'variableString' ? dataset.content() : dataset.blocks();
    const spec = this.#specOf(dataset);
    const address = await target.dataset(name, spec, 'bytes' in content ? [content.bytes] : content);
    this.#copied.set(at, { address, links: 1 });
  }

  /** Writes `tensor` in the place of the dataset at `path`, stored as that one was. */
  async replaced(path: string, tensor: Tensor, target: GroupWriter, name: string): Promise<void> {
    const dataset = this.#file.dataset(path);
    const spec = this.#specOf(dataset);
    const isSameShape = dataset.shape?.length === tensor.shape.length;
    const kept = isSameShape && dataset.dtype === tensor.dtype ? { ...spec, shape: tensor.shape } : {};
    await writeTensor(target, name, tensor, kept);
  }

  #specOf(dataset: Hdf5Dataset): DatasetSpec {
    const { type, shape, maxShape, chunks, filters, path } = dataset;
    const attributes = this.#file
      .attributes(path)
      .filter((attribute) => this.#isAttributeCopied(path, attribute));
    for (const filter of filters) if (!isWritten(filter)) this.#leaveFilter(filter.name);
    return { type, shape, maxShape, chunks, filters, attributes };
  }

  /** Copies whatever is at `path`. A group whose whole content is skipped is skipped as well. */
  async link(
    path: string,
    target: GroupWriter,
    name: string,
    isSkipped: IsSkipped = nothing,
    depth = 0,
  ): Promise<void> {
    this.#objects.visit(depth);
    const kind = this.#file.kind(path);
    switch (kind) {
      case 'group': {
        const group = target.group(name);
        await this.group(path, group, isSkipped, depth + 1);
        if (group.isEmpty && this.#file.names(path).length > 0) target.remove(name);
        return;
      }
      case 'dataset':
        return this.dataset(path, target, name);
      case 'softLink':
        return target.softLink(name, this.#file.linkTarget(path));
      case 'externalLink':
      case 'namedType':
      case 'missing': {
        const what = kind === 'externalLink' ? 'a link to another file' : 'neither group nor dataset';
        this.#dropped.push(`${path}: ${what}, which Keras does not read`);
      }
    }
  }

  #leaveFilter(name: string): void {
    const sentence = `compression by ${name}: nothing here compresses so, and the weights that were are stored without it`;
    if (!this.#dropped.includes(sentence)) this.#dropped.push(sentence);
  }

  #isAttributeCopied(path: string, attribute: Attribute): boolean {
    const where = `${path}@${attribute.name}`;
    if (!this.#isCopied(where, attribute.type)) return false;
    if (fitsHeader(attribute)) return true;
    this.#dropped.push(
      `${where}: longer than the 64 kB that fit the header of an HDF5 object, and Keras does not read it`,
    );
    return false;
  }

  /** References are addresses in the file that they are in. */
  #isCopied(where: string, type: Hdf5Type): boolean {
    const uncopied = uncopiedPart(type);
    if (uncopied) this.#dropped.push(`${where}: ${uncopied}, which Keras does not read`);
    return uncopied === undefined;
  }
}

function uncopiedPart(type: Hdf5Type): string | undefined {
  switch (type.kind) {
    case 'other':
      return `values of type ${type.name}`;
    case 'array':
      return uncopiedPart(type.element);
    case 'compound':
      return type.members
        .map((member) =>
          member.type.kind === 'variableString' ? 'strings in compounds' : uncopiedPart(member.type),
        )
        .find((part) => part !== undefined);
    case 'float':
      return [2, 4, 8].includes(type.size) ? undefined : `${8 * type.size}-bit floats`;
    default:
      return undefined;
  }
}

/** Writes a tensor as a dataset, as h5py stores its dtype; `kept` is how the dataset that it replaces was stored. */
export async function writeTensor(
  target: GroupWriter,
  name: string,
  tensor: Tensor,
  kept: Partial<DatasetSpec> = {},
): Promise<void> {
  const isKept = kept.type !== undefined && dtypeOf(kept.type, tensor.dtype) === tensor.dtype;
  const type = isKept && kept.type ? kept.type : typeOfDtype(tensor.dtype);
  const attributes: Attribute[] = [...(kept.attributes ?? [])];
  if (tensor.dtype === 'bfloat16' && !attributes.some((attribute) => attribute.name === 'dtype')) {
    attributes.push(stringAttribute('dtype', 'bfloat16', 'utf8'));
  }
  await target.dataset(name, { ...kept, type, shape: tensor.shape, attributes }, bytesOf(tensor));
}

function* bytesOf(tensor: Tensor): Generator<Uint8Array> {
  for (const { values } of tensor.blocks()) yield bytesOfValues(tensor.dtype, values);
}
