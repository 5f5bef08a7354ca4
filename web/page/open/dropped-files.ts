/**
 * Files that were dropped or picked, out of folders too.
 *
 * @module
 */

import type { PickedFile } from '../../protocol.ts';

/** More files than this are no model: a whole disk was dropped. */
const MOST_FILES = 2000;

/** What of the files system's entries is needed. */
interface Entry {
  readonly fullPath: string;
}

/** All files of a drop. Call it within the event: its items are empty afterwards. */
export async function droppedFiles(transfer: DataTransfer): Promise<PickedFile[]> {
  const entries = [...transfer.items].flatMap((item) => item.webkitGetAsEntry() ?? []);
  if (entries.length === 0) return [...transfer.files].map((file) => ({ path: file.name, file }));
  const found: PickedFile[] = [];
  for (const entry of entries) await collect(entry, found);
  return found;
}

/** The files of a file field; of a folder with their paths in it. */
export function chosenFiles(input: HTMLInputElement): PickedFile[] {
  return [...(input.files ?? [])].map((file) => ({ path: file.webkitRelativePath || file.name, file }));
}

/** Whether a drag carries files, and not a link or a text. */
export function carriesFiles(transfer: DataTransfer | null): transfer is DataTransfer {
  return transfer?.types.includes('Files') ?? false;
}

async function collect(entry: FileSystemEntry, found: PickedFile[]): Promise<void> {
  if (found.length >= MOST_FILES) return;
  if (isFile(entry)) {
    const file = await new Promise<File>((resolve, reject) => {
      entry.file(resolve, reject);
    });
    found.push({ path: pathOf(entry), file });
  } else if (isFolder(entry)) {
    for (const inner of await entriesOf(entry.createReader())) await collect(inner, found);
  }
}

/** A reader hands out a hundred entries at a time, and none at the end. */
async function entriesOf(reader: FileSystemDirectoryReader): Promise<FileSystemEntry[]> {
  const all: FileSystemEntry[] = [];
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => {
      reader.readEntries(resolve, reject);
    });
    if (some.length === 0 || all.length >= MOST_FILES) return all;
    all.push(...some);
  }
}

function pathOf({ fullPath }: Entry): string {
  return fullPath.replace(/^\//, '');
}

function isFile(entry: FileSystemEntry): entry is FileSystemFileEntry {
  return entry.isFile;
}

function isFolder(entry: FileSystemEntry): entry is FileSystemDirectoryEntry {
  return entry.isDirectory;
}
