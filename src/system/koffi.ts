import { createRequire } from 'node:module';
import type * as Koffi from 'koffi';

/** Loads koffi, which is optional, when the first C function is needed. Throws what `require` throws without it. */
export function loadKoffi(): typeof Koffi {
  return createRequire(import.meta.url)('koffi') as typeof Koffi;
}
