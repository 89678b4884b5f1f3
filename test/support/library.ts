import type { CompressionProfile } from '../../src/compression/codec.ts';
import { withLibrary } from '../../src/compression/libraries.ts';
import { hasCode } from '../../src/errors/kinds.ts';

/** The profile with its tested library; undefined, with a word about it, where that is not installed. */
export async function profileIfHere(profile: CompressionProfile): Promise<CompressionProfile | undefined> {
  try {
    return await withLibrary(profile);
  } catch (error) {
    if (!hasCode(error, 'LIBRARY_UNAVAILABLE') || error.details.why !== 'missing') throw error;
    if (process.env['LAYERMILL_TEST_LIBRARIES'] === '1') throw error;
    console.warn(`skipped: ${error.message}`);
    return undefined;
  }
}
