import { sha256Digest } from '../identity/digest.ts';
import type { Document } from '../image/edit-manifest.ts';
import type { SinkImage } from '../image/image-sink.ts';
import {
  DOCKER_CONFIG,
  DOCKER_MANIFEST,
  layerTypeAs,
  type ManifestFormat,
  OCI_CONFIG,
  OCI_MANIFEST,
} from '../image/media-types.ts';

/**
 * The manifest that an image came with, or a new one when it has none, or none that is still true: by the OCI image spec,
 * or as Docker has them (image manifest v2, schema 2).
 */
export function manifestOf(
  image: Pick<SinkImage, 'config' | 'configDigest' | 'layers' | 'manifest'>,
  format: ManifestFormat = 'oci',
): Document {
  if (image.manifest !== null) return image.manifest;
  const mediaType = format === 'oci' ? OCI_MANIFEST : DOCKER_MANIFEST;
  const raw = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType,
      config: {
        mediaType: format === 'oci' ? OCI_CONFIG : DOCKER_CONFIG,
        digest: image.configDigest,
        size: image.config.length,
      },
      layers: image.layers.map((layer) => ({
        mediaType: layerTypeAs(format, layer.mediaType),
        digest: layer.digest,
        size: layer.size,
      })),
    }),
  );
  return { raw, mediaType, digest: sha256Digest(raw) };
}
