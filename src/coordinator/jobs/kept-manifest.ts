import type { Graph } from '../../graph/graph.ts';
import type { KeptBlob } from '../../graph/image.ts';
import type { Digest } from '../../identity/digest.ts';
import type { SinkImage } from '../../image/image-sink.ts';
import { decodeManifest } from '../../image/manifest.ts';

export type KeptManifest =
  | { manifest: NonNullable<SinkImage['manifest']>; missing: null }
  /** Why the image cannot be given again with the manifest it came with. */
  | { manifest: null; missing: string };

/** The manifest that an image came with, when every layer that it names can be given again byte for byte. */
export async function keptManifest(graph: Graph, id: string): Promise<KeptManifest> {
  const info = await graph.infoOf(id);
  const raw = await graph.manifestOf(id);
  const about = info?.manifest;
  if (about === undefined || raw === null) return { manifest: null, missing: 'it came without a manifest' };
  const layers = await graph.layersOf(id);
  const blobs = keptBlobs(info?.blobs, layers.length);
  for (const [index, { digest }] of decodeManifest(raw, about.mediaType).layers.entries()) {
    // A layer that came unpacked is its tar, and that is rebuilt exactly.
    if (digest === layers[index]?.diffId) continue;
    if (blobs[index]?.digest !== digest)
      return { manifest: null, missing: `its layer ${index} was not kept as it came` };
    if (!(await graph.blobs.has(digest))) return { manifest: null, missing: `the kept blob ${digest} has gone` };
  }
  return { manifest: { raw, mediaType: about.mediaType, digest: about.digest as Digest }, missing: null };
}

/** The packed layer that is kept, for each layer; null where there is none. */
export function keptBlobs(blobs: readonly (KeptBlob | null)[] | undefined, layers: number): (KeptBlob | null)[] {
  return Array.from({ length: layers }, (_unused, index) => blobs?.[index] ?? null);
}
