/**
 * The largest sizes that are taken from files. A size that a file declares is checked against what the file can hold
 * before memory is asked for.
 *
 * @module
 */

/** Deflate cannot do better: a larger ratio of declared to stored bytes is a lie or a bomb. */
export const MAX_DEFLATE_RATIO: number = 1032;

/** Bytes of one compressed zip member, because it is inflated into memory; Keras stores its members uncompressed. */
export const MAX_INFLATED_BYTES: number = 2 ** 31 - 1;

/** Entries of a zip file. */
export const MAX_ZIP_ENTRIES: number = 100_000;

/** Parts of the paths of the groups, datasets and links of an HDF5 file that are visited. */
export const MAX_HDF5_PARTS: number = 1_000_000;

/** Nesting of groups in an HDF5 file; Keras needs two for each nested model. */
export const MAX_HDF5_DEPTH: number = 200;

/** Bytes of one HDF5 attribute. */
export const MAX_ATTRIBUTE_BYTES: number = 64 * 2 ** 20;

/** Bytes of the header of a numpy array; numpy itself takes 10,000 unless it is told to take more. */
export const MAX_NPY_HEADER_BYTES: number = 2 ** 20;

/** Bytes of a numpy array that is read into memory. */
export const MAX_ARRAY_BYTES: number = 2 ** 31 - 1;
