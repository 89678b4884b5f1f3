import { profileFor } from '../compression/codecs.ts';
import { refuseLibrary } from '../compression/libraries.ts';
import { packingWith } from '../config/packing.ts';
import type { Settings } from '../config/settings.ts';
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
      const asked = {
        compression: chosen ?? job.sink.defaultCompression,
        level: job.level,
        reproducible: job.reproducible,
      };
      if (compression.libraries === 'off') refuseLibrary(asked.compression);
      const { level, reproducible } = packingWith(asked, compression);
      return { ...job, compression: chosen, level, reproducible };
    }
    case 'copy': {
      const asked = { ...job, compression: job.compression ?? 'keep' };
      if (compression.libraries === 'off') refuseLibrary(asked.compression);
      return { ...job, ...packingWith(asked, compression) };
    }
    case 'tempLayerArchive':
      if (compression.libraries === 'off') refuseLibrary(job.compression);
      if (typeof job.compression !== 'string') return job;
      return { ...job, compression: profileFor(packingWith({ compression: job.compression }, compression)) };
    default:
      return job;
  }
}
