/** The folder of the page, in which the example and TF.js' WebAssembly lie: the worker is told by its name. */
export function pageFolder(): string {
  const { name } = globalThis as unknown as { readonly name: string };
  return new URL('.', name).href;
}
