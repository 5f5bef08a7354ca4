import type { Model } from '../model/model.ts';
import { closeModel, loadModel } from '../node/model-files.ts';
import { SHOWN } from './terminal.ts';

const opened = new Set<Model>();

/** Reads a model whose files stay open until {@link closeOpened}. */
export async function openModel(name: string): Promise<Model> {
  const model = await loadModel(name, SHOWN);
  opened.add(model);
  return model;
}

/** Closes the files of all models: before the next of several is opened. */
export function closeOpened(): void {
  for (const model of opened) closeModel(model);
  opened.clear();
}
