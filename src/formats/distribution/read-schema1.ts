import { join } from 'node:path';
import { engineError } from '../../errors/kinds.ts';
import { type Digest, digestHex } from '../../identity/digest.ts';
import { decodeConfig } from '../../image/decode-config.ts';
import type { ModernImage, SourceLayer } from '../../image/image-source.ts';
import { modernOfLegacy } from '../../image/modern-of-legacy.ts';
import { decodeSchema1 } from '../../image/schema1.ts';
import type { NamedDescriptor } from '../content.ts';
import type { FormatContext } from '../context.ts';
import type { Spool } from '../spool.ts';
import { signedPayload } from './payload-digest.ts';
import type { Repository } from './registry.ts';
import { modernImage } from '../../image/modern-image.ts';

/**
 * Makes of a manifest of schema 1 the image that Docker makes of it when it pulls it. There is no config in such a manifest
 * and no DiffID, so the layers are fetched and unpacked to know them.
 */
export async function readSchema1(
  repository: Repository,
  { raw, entry }: { raw: Buffer; entry: NamedDescriptor },
  spool: Spool,
  context: FormatContext,
): Promise<ModernImage> {
  // What was not signed says nothing; a manifest without signatures is what it is.
  const chain = decodeSchema1(signedPayload(raw) ?? raw, context.documents);
  // Docker before 1.8 marked no step as one without files: all those have the same blob.
  const fetched = new Map<Digest, SourceLayer>();
  const layers: (SourceLayer | null)[] = [];
  try {
    for (const { blob, throwaway } of chain) {
      const layer = throwaway ? null : (fetched.get(blob) ?? (await fetchLayer(repository, blob, spool, context)));
      if (layer !== null) fetched.set(blob, layer);
      layers.push(layer);
    }
  } finally {
    // They stay until the image has been taken, which may need room itself.
    spool.share.stepAside();
  }
  const diffIds = layers.map((layer) => layer?.diffId ?? null);
  const config = decodeConfig(modernOfLegacy(chain, diffIds, null, true).raw, context.documents);
  return modernImage(config, {
    ref: entry.ref,
    names: entry.names,
    layers: layers.filter((layer) => layer !== null),
    manifest: null,
    warnings: ['its manifest is of schema 1, and was converted; push it anew, for registries give such ones up'],
  });
}

async function fetchLayer(
  repository: Repository,
  digest: Digest,
  spool: Spool,
  { pool, limits, signal }: FormatContext,
): Promise<SourceLayer> {
  const size = await repository.blobSize(digest, signal);
  if (size === null) {
    const message = `the layer ${digest} is not in ${repository.host}/${repository.name}`;
    throw engineError('BLOB_MISSING', message, { digest });
  }
  const path = join(spool.path, digestHex(digest));
  const blob = { path, digest, size };
  await spool.share.grow(size, signal);
  await repository.download({ digest, size }, path, { signal });
  const input = { source: { from: 'blob', blob } as const, bytes: { keepBlob: null, expected: {} }, limits };
  const { digests } = await pool.run('layer.hash', input, { signal });
  return { diffId: digests.diffId, blob, mediaType: null };
}
