import type { CompressionProfile } from '../../src/compression/codec.ts';
import { withLibrary } from '../../src/compression/libraries.ts';

/** The profile with its tested library; undefined, with a word about it, where that is not to be had. */
export async function profileIfHere(profile: CompressionProfile): Promise<CompressionProfile | undefined> {
  try {
    return await withLibrary(profile);
  } catch (error) {
    console.warn(`skipped: ${(error as Error).message}`);
    return undefined;
  }
}
