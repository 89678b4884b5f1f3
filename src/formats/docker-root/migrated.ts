import { type Digest, isDigest } from '../../identity/digest.ts';
import { isImageId } from '../../identity/image-id.ts';
import { parseStrictJson, quoted } from '../../image/strict-json.ts';
import { brokenImage } from '../broken.ts';
import { RootFiles } from './root-files.ts';

/** Where Docker 1.10 noted which image each v1 image has become: an object, v1 id → digest of the config. */
const RECORD = '.migration-v1-images.json';

/** 100,000 images have about 15 MB. */
const LIMITS = { bytes: 64 * 1024 * 1024, depth: 2, layers: 0, nesting: 0 };

/**
 * What the v1 images of a data directory have become when its Docker was upgraded; empty where it was not. What cannot be
 * read is a warning: then images come twice, which loses nothing.
 */
export async function readMigrated(path: string, warnings: string[]): Promise<ReadonlyMap<string, Digest>> {
  try {
    const raw = await (await RootFiles.open(path)).read(RECORD, LIMITS);
    const record: unknown = raw === null ? {} : parseStrictJson(raw, RECORD, LIMITS);
    return new Map(Object.entries(record ?? {}).filter(isMigration));
  } catch (error) {
    const { message } = brokenImage(RECORD, error).error;
    warnings.push(
      `${quoted(RECORD)} cannot be read, so images may come as they were before the upgrade too: ${message}`,
    );
    return new Map();
  }
}

function isMigration(entry: [string, unknown]): entry is [string, Digest] {
  const [id, digest] = entry;
  return isImageId(id) && typeof digest === 'string' && isDigest(digest);
}
