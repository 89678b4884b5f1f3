import type { Digest } from '../identity/digest.ts';
import { decodeConfig } from '../image/decode-config.ts';
import type { ModernImage, SourceLayer } from '../image/image-source.ts';
import { modernImage } from '../image/modern-image.ts';
import { modernOfLegacy } from '../image/modern-of-legacy.ts';
import { decodeSchema1 } from '../image/schema1.ts';
import type { NamedDescriptor } from './content.ts';
import type { FormatContext } from './context.ts';
import { signedPayload } from './distribution/payload-digest.ts';

/** Brings a layer into a file, or says where it is; a thread then checks its digest. Throws BLOB_MISSING. */
export type BringLayer = (digest: Digest) => Promise<{ path: string; size: number }>;

/**
 * Makes of a manifest of schema 1 the image that Docker makes of it when it pulls it. There is no config in such a manifest
 * and no DiffID, so the layers are brought and unpacked to know them.
 */
export async function readSchema1(
  { raw, entry }: { raw: Buffer; entry: NamedDescriptor },
  bring: BringLayer,
  context: FormatContext,
): Promise<ModernImage> {
  // What was not signed says nothing; a manifest without signatures is what it is.
  const chain = decodeSchema1(signedPayload(raw) ?? raw, context.documents);
  // Docker before 1.8 marked no step as one without files: all those have the same blob.
  const brought = new Map<Digest, SourceLayer>();
  const layers: (SourceLayer | null)[] = [];
  for (const { blob, throwaway } of chain) {
    const layer = throwaway ? null : (brought.get(blob) ?? (await bringLayer(blob, bring, context)));
    if (layer !== null) brought.set(blob, layer);
    layers.push(layer);
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

async function bringLayer(
  digest: Digest,
  bring: BringLayer,
  { pool, limits, signal }: FormatContext,
): Promise<SourceLayer> {
  const blob = { ...(await bring(digest)), digest };
  const input = { source: { from: 'blob', blob } as const, bytes: { keepBlob: null, expected: {} }, limits };
  const { digests } = await pool.run('layer.hash', input, { signal });
  return { diffId: digests.diffId, blob, mediaType: null };
}
