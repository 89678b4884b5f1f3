import { BlobCache } from '../cache/blob-cache.ts';
import { defaultCacheDirectory } from '../config/defaults.ts';
import { parseSettings } from '../config/schema.ts';
import type { TaskPool } from '../tasks/task-pool.ts';
import type { Session } from './session.ts';

/** What was typed about the cache. */
export interface CacheOptions {
  cache?: string;
  cacheSize?: string;
}

/** The cache that was asked for, or that the settings name. Throws INVALID_SETTING for a size that is none. */
export function openCache(session: Session, pool: TaskPool, { cache, cacheSize }: CacheOptions): BlobCache | null {
  const { cache: settings } = session.settings;
  const given = parseSettings(cacheSize === undefined ? {} : { cache: { bytes: cacheSize } }, {
    label: () => '--cache-size',
  });
  const dir = cache ?? settings.dir;
  if (dir === 'none') return null;
  return new BlobCache({
    dir: dir === 'auto' ? defaultCacheDirectory(process.env) : dir,
    maxBytes: given.cache?.bytes ?? settings.bytes,
    pool,
    onTrouble: (message) => session.log.warn(message),
  });
}
