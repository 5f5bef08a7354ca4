import type { Model } from './model.ts';

/** The text of {@link Model.summary}. */
export function summarizeModel(model: Model): string {
  return model.name;
}
