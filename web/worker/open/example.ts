import { FormatError, memoryFiles, memorySource } from 'crosslayer';
import { labelsOf, openNpz } from 'crosslayer/verification';
import { pageFolder } from '../page-folder.ts';
import type { Progress } from '../progress.ts';
import { openFiles } from './open-model.ts';
import type { LabelledImages, Opened } from './opened.ts';

const NAME = 'fashion-mobilenetv2.keras';

/** Opens the example, which lies beside the page. */
export async function openExample(progress: Progress): Promise<Opened> {
  progress('Fetching the example');
  const [bytes, archive] = await Promise.all([fetchBytes(NAME), fetchBytes(`${NAME}.samples.npz`)]);
  const samples = await labelledImages(archive);
  return openFiles(memoryFiles(new Map([[NAME, bytes]]), NAME), { bytes: bytes.length, samples }, progress);
}

async function labelledImages(bytes: Uint8Array): Promise<LabelledImages> {
  const archive = await openNpz(memorySource('samples', bytes));
  const [images, labels] = [await archive.read('images'), await archive.read('labels')];
  return { images, labels: labelsOf(labels, 'labels') };
}

async function fetchBytes(name: string): Promise<Uint8Array> {
  const response = await fetch(new URL(`example/${name}`, pageFolder()));
  if (!response.ok) {
    const reason = `not found beside the page (${response.status}); put the folder example there`;
    throw new FormatError(name, '', reason);
  }
  return new Uint8Array(await response.arrayBuffer());
}
