import type { CopyTerms } from '../coordinator/jobs/copy.ts';
import type { ImageSink } from '../image/image-sink.ts';
import type { Platform } from '../image/image-source.ts';
import { parsePlatform } from '../image/platform.ts';
import type { BatchEntry } from './batch.ts';

/** The platforms of an entry. Throws UNSUPPORTED_PLATFORM. */
export function platformsOf({ platforms }: BatchEntry): Platform[] | undefined {
  return platforms?.map(parsePlatform);
}

/** How the images of an entry come to a destination. */
export function termsOf(entry: BatchEntry, sink: ImageSink): CopyTerms {
  const { packing = {}, format, preserveDigests, allow } = entry;
  return { sink, ...packing, platforms: platformsOf(entry), format, preserveDigests, allow };
}
