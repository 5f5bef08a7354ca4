/**
 * The files that the weights of a group lie in, as one source of bytes.
 *
 * @module
 */

import { FormatError } from '../../errors.ts';
import { largestOf } from '../../tensor/extremes.ts';
import type { ByteSource, ModelFiles } from '../bytes.ts';
import { describeForeign } from '../foreign.ts';
import type { WeightGroup } from './manifest.ts';

/** A weight's bytes in the concatenation of its group's files. */
export interface GroupSource {
  readonly bytes: ByteSource;
  /** Sizes of the files, in the order of the group's paths. */
  readonly shardSizes: readonly number[];
}

/**
 * Opens the files of a group and checks their sizes against what its weights need.
 *
 * @throws FormatError where a file is missing, or the files hold fewer or more bytes than declared.
 */
export function openGroup(files: ModelFiles, group: WeightGroup): GroupSource {
  const shards = group.paths.map((path) => openShard(files, path));
  const shardSizes = shards.map((shard) => shard.size);
  const available = shardSizes.reduce((sum, size) => sum + size, 0);
  const needed = group.weights.reduce((sum, weight) => sum + weight.byteLength, 0);
  if (available !== needed) throw sizeError(files.main.name, group, shards, available, needed);
  return { bytes: concatenate(shards), shardSizes };
}

function openShard(files: ModelFiles, path: string): ByteSource {
  const shard = files.open(path);
  if (shard) return shard;
  throw new FormatError(
    files.main.name,
    path,
    'this file of weights is missing; put it in the same folder as model.json (both are needed, with all shards)',
  );
}

function sizeError(
  source: string,
  group: WeightGroup,
  shards: readonly ByteSource[],
  available: number,
  needed: number,
): FormatError {
  const names = group.paths.join(', ');
  // A path may come again and again: each file is looked into once.
  for (const [path, shard] of new Map(group.paths.map((path, index) => [path, shards[index]]))) {
    const foreign = shard && describeForeign(shard);
    if (foreign) return new FormatError(source, path, `no weights: this is ${foreign.description}`);
  }
  if (available > needed) {
    return new FormatError(
      source,
      names,
      `${available} bytes, but the weights declared for them take ${needed}; model.json and the shards are not of ` +
        'one conversion: copy the whole folder again',
    );
  }
  let end = 0;
  const cut = group.weights.find((weight) => {
    end += weight.byteLength;
    return end > available;
  });
  // All shards but the last are of one size, so one that is shorter stands out.
  const largest = largestOf(shards.map((shard) => shard.size));
  const odd = shards.findIndex((shard, index) => index < shards.length - 1 && shard.size < largest);
  const shard = group.paths[odd === -1 ? shards.length - 1 : odd] ?? 'no file';
  return new FormatError(
    source,
    shard,
    `${available} bytes in ${names || 'no files'}, the weights take ${needed}: ${cut?.name ?? 'a weight'} is cut off; ` +
      'copy or download the shard again',
  );
}

/** Several sources as one. */
function concatenate(parts: readonly ByteSource[]): ByteSource {
  const only = parts[0];
  if (only && parts.length === 1) return only;
  const starts: number[] = [];
  let size = 0;
  for (const part of parts) {
    starts.push(size);
    size += part.size;
  }
  return {
    name: parts.map((part) => part.name).join(' + '),
    size,
    read(byteOffset, target) {
      let filled = 0;
      for (const [index, part] of parts.entries()) {
        const from = byteOffset + filled - (starts[index] ?? 0);
        if (from < 0 || from >= part.size) continue;
        const wanted = Math.min(target.length - filled, part.size - from);
        const got = part.read(from, target.subarray(filled, filled + wanted));
        filled += got;
        if (got < wanted || filled === target.length) break;
      }
      return filled;
    },
    close() {
      for (const part of parts) part.close?.();
    },
  };
}
