import type { Digest } from '../../identity/digest.ts';
import { decodeConfig } from '../../image/decode-config.ts';
import type { Target } from '../../image/edit-manifest.ts';
import type { ImageSink, SinkArtifact } from '../../image/image-sink.ts';
import { decodeManifest } from '../../image/manifest.ts';
import { isIndexType } from '../../image/media-types.ts';
import type { Standing } from './copy-image.ts';

/** Something that an earlier part of a run put in a destination. */
export interface PutBefore {
  target: Target;
  standing: Standing;
  inIndex: readonly string[] | undefined;
  /** Of what refers to an image. */
  artifact: Pick<SinkArtifact, 'subject' | 'tag' | 'artifactType'> | null;
}

/**
 * Puts something again from what the destination has of it: only the documents are read, so that it is listed among the
 * others. False when not all of it is there any more.
 */
export async function relist(sink: ImageSink, before: PutBefore): Promise<boolean> {
  const { target, standing, artifact } = before;
  const raw = (await sink.readDocument?.(target.digest)) ?? null;
  if (raw === null) return false;
  const document = { ...target, raw };
  if (artifact !== null) {
    await sink.putArtifact?.({ ...document, ...artifact, annotations: new Map(), order: standing.order });
    return true;
  }
  if (!isIndexType(target.mediaType)) return relistImage(sink, before, document);
  await sink.putIndex({ ...document, ...standing });
  return true;
}

async function relistImage(
  sink: ImageSink,
  { standing, inIndex }: PutBefore,
  { raw, mediaType, digest }: { raw: Buffer; mediaType: string; digest: Digest },
): Promise<boolean> {
  const manifest = decodeManifest(raw, mediaType);
  const config = manifest.config === null ? null : await sink.readDocument!(manifest.config.digest);
  if (config === null) return false;
  for (const layer of manifest.layers) if (!(await sink.hasBlob(layer.digest, layer.size))) return false;
  const { diffIds, created } = decodeConfig(config);
  await sink.putImage({
    ...standing,
    inIndex,
    config,
    configDigest: manifest.config!.digest,
    layers: manifest.layers.map(({ digest: blob, size, mediaType: type }, at) => ({
      diffId: diffIds[at]!,
      digest: blob,
      size,
      mediaType: type,
    })),
    manifest: { raw, mediaType, digest },
    chain: null,
    createdSec: Math.floor(Date.parse(created ?? '') / 1000) || 0,
  });
  return true;
}
