/**
 * The file that a worker thread loads: the compiled one beside the compiled pool, or the one that loads the sources.
 * TypeScript leaves URLs in strings alone, so the choice is made here, by this file's own extension.
 */
export function workerEntry(): string {
  const name = import.meta.url.endsWith('.ts') ? 'main.dev.mjs' : 'main.js';
  return new URL(`../../workers/${name}`, import.meta.url).href;
}
