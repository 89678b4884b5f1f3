import { libraryUnavailable, testedLibrary } from '../system/tested-library.ts';
import type { CompressionProfile, PackingName } from './codec.ts';

/**
 * The profile with the library that it needs, if it needs one, which then has passed its self-test: for threads, which
 * load what they are told to. On the main thread only. Throws LIBRARY_UNAVAILABLE.
 */
export async function withLibrary(profile: CompressionProfile): Promise<CompressionProfile> {
  const { implementation } = profile;
  if (implementation !== 'libdeflate' && implementation !== 'isal') return profile;
  return { ...profile, library: await testedLibrary(implementation) };
}

/** Throws LIBRARY_UNAVAILABLE for what needs a library of the system, where the settings want none. */
export function refuseLibrary(wanted: PackingName | 'keep' | CompressionProfile): void {
  const implementation = typeof wanted === 'string' ? wanted.replace('gzip:', '') : wanted.implementation;
  if (implementation !== 'libdeflate' && implementation !== 'isal') return;
  throw libraryUnavailable(implementation, 'off', 'is turned off by the setting compression.libraries');
}
