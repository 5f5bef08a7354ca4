/**
 * Copies an HDF5 file with h5wasm as one would by hand, a dataset at a time: what reading and writing a file costs
 * without this package. Arguments: input, output.
 *
 * @module
 */

import * as h5wasm from 'h5wasm/node';

function copyGroup(from: h5wasm.Group, to: h5wasm.Group): void {
  copyAttributes(from, to);
  for (const name of from.keys()) {
    const entity = from.get(name);
    if (entity instanceof h5wasm.Group) copyGroup(entity, to.create_group(name));
    else if (entity instanceof h5wasm.Dataset) copyDataset(entity, to, name);
    else throw new TypeError(`${from.path}/${name}: neither group nor dataset`);
  }
}

function copyDataset(from: h5wasm.Dataset, to: h5wasm.Group, name: string): void {
  const { value, shape, dtype } = from;
  const data = value as h5wasm.GuessableDataTypes;
  copyAttributes(from, to.create_dataset({ name, data, shape, dtype }));
}

function copyAttributes(from: h5wasm.Group | h5wasm.Dataset, to: h5wasm.Group | h5wasm.Dataset): void {
  for (const [name, { value, shape, dtype }] of Object.entries(from.attrs)) {
    to.create_attribute(name, value as h5wasm.GuessableDataTypes, shape, dtype);
  }
}

const [input = '', output = ''] = process.argv.slice(2);
await h5wasm.ready;
const from = new h5wasm.File(input, 'r');
const to = new h5wasm.File(output, 'w');
copyGroup(from, to);
to.close();
from.close();
