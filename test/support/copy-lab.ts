import { join } from 'node:path';
import { BlobCache } from '../../src/cache/blob-cache.ts';
import { type Coordinator, createCoordinator } from '../../src/coordinator/coordinator.ts';
import type { CopiedImage, CopyJob } from '../../src/coordinator/jobs/copy.ts';
import { registriesFor } from '../../src/formats/distribution/registries-of.ts';
import type { RegistryOptions } from '../../src/formats/distribution/registry.ts';
import { openSink, openSource, type SinkOptions } from '../../src/formats/transports.ts';
import type { ImageSource } from '../../src/image/image-source.ts';
import { SpoolBudget } from '../../src/streams/spool-budget.ts';
import { countingPool } from './counting-pool.ts';
import { type FormatLab, openFormatLab } from './format-context.ts';

type CopyOptions = Partial<Omit<CopyJob, 'type' | 'sources' | 'sink'>> & SinkOptions & { referrers?: boolean };

/** Copies images from place to place without a store, and sees what tasks are run for it. */
export interface CopyLab extends AsyncDisposable {
  formats: FormatLab;
  dir: string;
  /** Names of the tasks that were run. */
  ran: string[];
  warnings: string[];
  cache: () => BlobCache;
  copy(sources: readonly string[], destination: string, options?: CopyOptions): Promise<CopiedImage[]>;
}

export function openCopyLab({ registry }: { registry?: RegistryOptions } = {}): CopyLab {
  const ran: string[] = [];
  const pool = countingPool(ran);
  const formats = openFormatLab({ pool });
  const warnings: string[] = [];
  const coordinator: Coordinator = createCoordinator({
    store: null,
    pool,
    jobs: 2,
    lanes: { io: 2, cpu: 2 },
    spool: new SpoolBudget(64 * 1024 ** 2),
    tempDir: formats.tempDir,
    limits: formats.context.limits,
  });
  return {
    formats,
    dir: formats.dir,
    ran,
    warnings,
    cache: () =>
      new BlobCache({
        dir: join(formats.dir, 'cache'),
        maxBytes: 1024 ** 3,
        pool,
        onTrouble: (message) => void warnings.push(message),
      }),
    copy: async (sources, destination, options = {}) => {
      const { legacy, referrers, ...job } = options;
      const [from, to] = (['source', 'sink'] as const).map((side) =>
        registriesFor(formats.context, side, registry ?? {}),
      );
      const context = { ...formats.context, platforms: options.platforms, referrers };
      const sink = await openSink(destination, { ...context, registries: to }, { legacy, format: job.format });
      const open = (location: string): Promise<ImageSource> => openSource(location, { ...context, registries: from });
      const opened = sources.map((location) => ({ location, open: () => open(location) }));
      const handle = await coordinator.submit(
        { type: 'copy', ...job, sources: opened, sink },
        { onWarning: (message) => void warnings.push(message) },
      );
      try {
        return await handle.done;
      } finally {
        await from!.close();
        await to!.close();
      }
    },
    [Symbol.asyncDispose]: async () => {
      await coordinator.close();
      await formats.close();
    },
  };
}

/** The results, all of images that were copied. */
export function copied(results: CopiedImage[]): (CopiedImage & { error: null })[] {
  return results.map((result) => {
    if (result.error !== null) throw result.error;
    return result;
  });
}
