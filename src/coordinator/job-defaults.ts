import type { OutputCompression } from '../compression/codec.ts';
import { profileFor } from '../compression/codecs.ts';
import type { CompressionSettings, Settings } from '../config/settings.ts';
import type { Job } from './job-list.ts';

/** What the settings say about jobs that do not say it themselves. */
export type JobDefaults = Pick<Settings, 'blobs' | 'compression'>;

/** The job with everything that it leaves to the settings. */
export function withDefaults<Kind extends Job>(job: Kind, { blobs, compression }: JobDefaults): Kind {
  switch (job.type) {
    case 'import':
      return { ...job, blobs: job.blobs ?? blobs };
    case 'export': {
      const chosen = job.compression ?? (compression.default === 'auto' ? undefined : compression.default);
      const packing = packingOf(chosen ?? job.sink.defaultCompression, compression);
      const { level = packing.level, reproducible = packing.reproducible } = job;
      return { ...job, compression: chosen, level, reproducible };
    }
    case 'tempLayerArchive':
      if (typeof job.compression !== 'string') return job;
      return { ...job, compression: profileFor(packingOf(job.compression, compression)) };
    default:
      return job;
  }
}

function packingOf<Compression extends OutputCompression | 'keep'>(
  compression: Compression,
  { gzipLevel, zstdLevel, reproducible }: CompressionSettings,
): { compression: Compression; level?: number; reproducible: boolean } {
  const level = compression === 'gzip' ? gzipLevel : compression === 'zstd' ? zstdLevel : 'auto';
  return { compression, reproducible, ...(level === 'auto' ? {} : { level }) };
}
