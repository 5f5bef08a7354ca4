/**
 * Ways to give the page files: drop them anywhere, pick them, pick their folder.
 *
 * @module
 */

import type { OpenedModel, PickedFile } from '../../protocol.ts';
import { byId, isEnabled } from '../dom.ts';
import { carriesFiles, droppedFiles } from './dropped-files.ts';
import { listenForChoice } from './file-picker.ts';

/** What is done with what was given. */
export interface OpeningActions {
  openFiles(files: readonly PickedFile[]): void;
  openExample(): void;
  fail(message: string): void;
}

/** Listens to the buttons and to drops. */
export function listenForFiles(actions: OpeningActions): void {
  connectPicker('choose-files', 'files', actions);
  connectPicker('choose-folder', 'folder', actions);
  const example = byId('open-example', HTMLButtonElement);
  example.addEventListener('click', () => {
    if (isEnabled(example)) actions.openExample();
  });
  listenForDrops(actions);
}

function connectPicker(buttonId: string, inputId: string, actions: OpeningActions): void {
  const opener = byId(buttonId, HTMLButtonElement);
  const input = byId(inputId, HTMLInputElement);
  opener.addEventListener('click', () => {
    if (isEnabled(opener)) input.click();
  });
  listenForChoice(input, actions.openFiles);
}

function listenForDrops(actions: OpeningActions): void {
  const { classList } = document.documentElement;
  document.addEventListener('dragover', (event) => {
    if (!carriesFiles(event.dataTransfer)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = 'copy';
    classList.add('dragging');
  });
  document.addEventListener('dragleave', (event) => {
    if (event.relatedTarget === null) classList.remove('dragging');
  });
  document.addEventListener('drop', (event) => {
    classList.remove('dragging');
    if (!carriesFiles(event.dataTransfer)) return;
    event.preventDefault();
    droppedFiles(event.dataTransfer).then(
      (files) => {
        if (files.length > 0) actions.openFiles(files);
        else actions.fail('The folder is empty. Drop the files of a model, or a folder that has them.');
      },
      () =>
        actions.fail(
          'What was dropped could not be read. Try the buttons "Choose files" or "Choose a folder".',
        ),
    );
  });
}

/** Why pictures are of no use now; undefined where the open model takes them. */
export function pictureObstacle(
  opened: Pick<OpenedModel, 'name' | 'pictures'> | undefined,
): string | undefined {
  if (!opened) return 'Pictures are for comparing predictions. Open a model first, then drop them again.';
  if (opened.pictures) return undefined;
  return `${opened.name} does not take pictures, or not only a picture, so there is nothing to do with them here.`;
}

/** Whether all files are pictures. */
export function arePictures(files: readonly PickedFile[]): boolean {
  return files.length > 0 && files.every(({ file }) => file.type.startsWith('image/'));
}
