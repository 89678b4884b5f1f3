import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Compression } from '../compression/codec.ts';
import { engineError } from '../errors/kinds.ts';
import { unpackedDigest } from './layer-facts.ts';

interface Descriptor {
  mediaType: string;
  digest: string;
}

interface Manifest {
  config: Descriptor;
  layers: Descriptor[];
}

/**
 * What images an OCI layout holds: the DiffIDs of each, for a config may be written in many ways. Every layer is unpacked
 * and compared with the DiffID in its config, so that a tool that was quick because it lost something is not praised.
 * Throws DIFF_ID_MISMATCH.
 */
export function layoutMeaning(layout: string): string {
  const blob = (digest: string): string => join(layout, 'blobs/sha256', digest.slice('sha256:'.length));
  const json = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'));
  const index = json(join(layout, 'index.json')) as { manifests: Descriptor[] };
  const seen = new Set<string>();
  const images = index.manifests.map(({ digest }) => {
    const { config, layers } = json(blob(digest)) as Manifest;
    const { rootfs } = json(blob(config.digest)) as { rootfs: { diff_ids: string[] } };
    for (const [at, layer] of layers.entries()) {
      if (!seen.has(layer.digest)) checkLayer(blob(layer.digest), layer.mediaType, rootfs.diff_ids[at] ?? '');
      seen.add(layer.digest);
    }
    return rootfs.diff_ids.join('+');
  });
  return images.toSorted().join();
}

function checkLayer(path: string, mediaType: string, expected: string): void {
  const actual = unpackedDigest(path, compressionOf(mediaType));
  if (actual === expected) return;
  throw engineError('DIFF_ID_MISMATCH', `${path} unpacks to ${actual}, its config says ${expected}`, {
    expected,
    actual,
  });
}

function compressionOf(mediaType: string): Compression {
  if (mediaType.endsWith('gzip')) return 'gzip';
  return mediaType.endsWith('zstd') ? 'zstd' : 'none';
}
