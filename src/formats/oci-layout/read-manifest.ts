import { engineError } from '../../errors/kinds.ts';
import { decodeConfig } from '../../image/decode-config.ts';
import type { ModernImage, SourceLayer } from '../../image/image-source.ts';
import { decodeManifest, type Descriptor, type Manifest } from '../../image/manifest.ts';
import { isConfigType, isDocumentType, isForeignLayerType, isLayerType } from '../../image/media-types.ts';
import { quoted } from '../../image/strict-json.ts';
import type { BlobRef } from '../../streams/blob-ref.ts';
import type { FormatContext } from '../context.ts';
import { readDocument } from '../read-document.ts';
import type { LayoutFiles } from './layout-files.ts';

/** A manifest that is no image: a signature, a statement about an image, or anything else that is stored like one. */
export interface Artifact {
  kind: 'artifact';
  /** The manifest and what it refers to, as far as it is here. */
  blobs: BlobRef[];
}

/** Reads what a descriptor refers to, checked against it. Throws BLOB_MISSING, SIZE_MISMATCH, DIGEST_MISMATCH, … */
export async function readBlobOf(
  files: LayoutFiles,
  descriptor: Descriptor,
  what: string,
  context: FormatContext,
): Promise<Buffer> {
  if (descriptor.data !== null) return descriptor.data;
  const blob = await locateBlob(files, descriptor, what);
  return readDocument(blob, what, context.documents);
}

/** Reads a manifest and its config; the layers are only located. */
export async function readManifest(
  files: LayoutFiles,
  entry: { descriptor: Descriptor; ref: string; names: string[] },
  context: FormatContext,
): Promise<ModernImage | Artifact> {
  const { descriptor, ref, names } = entry;
  const raw = await readBlobOf(files, descriptor, 'the manifest', context);
  const { mediaType, digest } = descriptor;
  const manifest = decodeManifest(raw, mediaType, context.documents);
  if (manifest.config === null || isArtifact(manifest)) {
    return { kind: 'artifact', blobs: await blobsOf(files, descriptor, manifest) };
  }
  const config = decodeConfig(await readBlobOf(files, manifest.config, 'the image config', context), context.documents);
  if (config.diffIds.length !== manifest.layers.length) {
    throw engineError(
      'CONFIG_INVALID',
      `the manifest of ${quoted(ref)} lists ${manifest.layers.length} layers, its config ${config.diffIds.length}`,
      { what: 'the layers of the image config' },
    );
  }
  const layers: SourceLayer[] = [];
  for (const [index, diffId] of config.diffIds.entries()) {
    const layer = manifest.layers[index]!;
    layers.push({ diffId, blob: await locateLayer(files, layer), mediaType: layer.mediaType });
  }
  return {
    kind: 'modern',
    ref,
    names,
    config: config.raw,
    configDigest: config.digest,
    platform: config.platform,
    layers,
    manifest: { raw, mediaType, digest },
    warnings: config.warnings,
  };
}

function isArtifact({ config, layers }: Manifest): boolean {
  if (config === null || !isConfigType(config.mediaType)) return true;
  return layers.length > 0 && layers.every((layer) => isDocumentType(layer.mediaType));
}

async function blobsOf(files: LayoutFiles, manifest: Descriptor, { config, layers }: Manifest): Promise<BlobRef[]> {
  const blobs: BlobRef[] = [];
  for (const descriptor of [manifest, ...(config === null ? [] : [config]), ...layers]) {
    const blob = await files.blob(descriptor.digest);
    if (blob !== null) blobs.push({ ...blob, digest: descriptor.digest, size: descriptor.size });
  }
  return blobs;
}

async function locateLayer(files: LayoutFiles, layer: Descriptor): Promise<BlobRef> {
  if (!isLayerType(layer.mediaType)) {
    throw engineError(
      'MEDIA_TYPE_UNSUPPORTED',
      `the layer ${layer.digest} is ${quoted(layer.mediaType)}, which is no changeset that can be applied`,
      { mediaType: layer.mediaType },
    );
  }
  const what = isForeignLayerType(layer.mediaType)
    ? 'the foreign layer (it is not fetched from elsewhere)'
    : 'the layer';
  return locateBlob(files, layer, what);
}

async function locateBlob(files: LayoutFiles, { digest, size }: Descriptor, what: string): Promise<BlobRef> {
  const blob = await files.blob(digest);
  if (blob === null) throw engineError('BLOB_MISSING', `${what} ${digest} is not in the layout`, { digest });
  if (blob.length !== size) {
    throw engineError(
      'SIZE_MISMATCH',
      `${what} ${digest} has ${blob.length} bytes, not the ${size} it is said to have`,
      {
        what: digest,
        expected: size,
        actual: blob.length,
      },
    );
  }
  return { ...blob, digest, size };
}
