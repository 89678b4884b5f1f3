import { engineError } from '../errors/kinds.ts';
import { decodeConfig } from '../image/decode-config.ts';
import type { BrokenImage, ModernImage, SourceLayer } from '../image/image-source.ts';
import { decodeManifest, type Descriptor, type Manifest } from '../image/manifest.ts';
import { isConfigType, isDocumentType, isForeignLayerType, isLayerType } from '../image/media-types.ts';
import { isPending, type PendingBlob } from '../image/pending-blob.ts';
import { quoted } from '../image/strict-json.ts';
import type { BlobRef } from '../streams/blob-ref.ts';
import { brokenImage, faultyBlob } from './broken.ts';
import type { FoundBlob, ImageContent, NamedDescriptor } from './content.ts';
import type { FormatContext } from './context.ts';
import { modernImage } from '../image/modern-image.ts';

/** A manifest that is no image: a signature, a statement about an image, or anything else that is stored like one. */
export interface Artifact {
  kind: 'artifact';
  /** The manifest and what it refers to, as far as it is here. */
  blobs: (BlobRef | PendingBlob)[];
}

/** Reads what a descriptor refers to, checked against it. Throws BLOB_MISSING, SIZE_MISMATCH, DIGEST_MISMATCH, … */
export async function readBlobOf(content: ImageContent, descriptor: Descriptor, what: string): Promise<Buffer> {
  const bytes = descriptor.data ?? (await content.document(descriptor, what));
  if (bytes === null) throw missingBlob(content, descriptor, what);
  return bytes;
}

/** Reads a manifest and its config; the layers are only located. A broken image is answered where all faults are asked for. */
export async function readManifest(
  content: ImageContent,
  entry: NamedDescriptor,
  context: FormatContext,
): Promise<ModernImage | Artifact | BrokenImage> {
  const { descriptor, ref, names } = entry;
  const raw = await readBlobOf(content, descriptor, 'the manifest');
  const manifest = decodeManifest(raw, descriptor.mediaType, context.documents);
  if (manifest.config === null || isArtifact(manifest)) {
    return { kind: 'artifact', blobs: await blobsOf(content, descriptor, manifest, context) };
  }
  try {
    return await readImage(content, entry, { ...manifest, config: manifest.config, raw }, context);
  } catch (error) {
    if (context.allFaults !== true) throw error;
    const blobs: (BlobRef | PendingBlob)[] = [];
    for (const layer of manifest.layers) blobs.push(await locateLayer(content, layer, context));
    return brokenImage(ref, error, { names, digest: descriptor.digest, blobs });
  }
}

async function readImage(
  content: ImageContent,
  { descriptor: { mediaType, digest }, ref, names }: NamedDescriptor,
  manifest: Manifest & { config: Descriptor; raw: Buffer },
  context: FormatContext,
): Promise<ModernImage> {
  const { raw } = manifest;
  const config = decodeConfig(await readBlobOf(content, manifest.config, 'the image config'), context.documents);
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
    layers.push({ diffId, blob: await locateLayer(content, layer, context), mediaType: layer.mediaType });
  }
  return modernImage(config, {
    ref,
    names,
    layers,
    manifest: { raw, mediaType, digest },
    warnings: config.warnings,
  });
}

function isArtifact({ config, layers }: Manifest): boolean {
  if (config === null || !isConfigType(config.mediaType)) return true;
  return layers.length > 0 && layers.every((layer) => isDocumentType(layer.mediaType));
}

async function blobsOf(
  content: ImageContent,
  manifest: Descriptor,
  { config, layers }: Manifest,
  { allFaults }: FormatContext,
): Promise<Artifact['blobs']> {
  const blobs: Artifact['blobs'] = [];
  for (const descriptor of [manifest, ...(config === null ? [] : [config]), ...layers]) {
    const blob = await content.blob(descriptor);
    if (blob !== null) blobs.push(promised(blob, descriptor));
    else if (allFaults === true) blobs.push(faultyBlob(descriptor, missingBlob(content, descriptor, 'the blob')));
  }
  return blobs;
}

async function locateLayer(
  content: ImageContent,
  layer: Descriptor,
  { allFaults }: FormatContext,
): Promise<BlobRef | PendingBlob> {
  try {
    return await findLayer(content, layer);
  } catch (error) {
    if (allFaults === true) return faultyBlob(layer, error);
    throw error;
  }
}

async function findLayer(content: ImageContent, layer: Descriptor): Promise<BlobRef | PendingBlob> {
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
  const blob = await content.blob(layer);
  if (blob === null) throw missingBlob(content, layer, what);
  if (!isPending(blob)) checkLength(blob, layer, what);
  return promised(blob, layer);
}

/** A blob with what its descriptor says of it; one that is yet to be fetched knows that already. */
export function promised(blob: FoundBlob, { digest, size }: Descriptor): BlobRef | PendingBlob {
  return isPending(blob) ? blob : { ...blob, digest, size };
}

/** Throws SIZE_MISMATCH. */
export function checkLength({ length }: { length: number }, { digest, size }: Descriptor, what: string): void {
  if (length === size) return;
  throw engineError('SIZE_MISMATCH', `${what} ${digest} has ${length} bytes, not the ${size} it is said to have`, {
    what: digest,
    expected: size,
    actual: length,
  });
}

export function missingBlob({ called }: ImageContent, { digest }: Descriptor, what: string): Error {
  return engineError('BLOB_MISSING', `${what} ${digest} is not in ${called}`, { digest });
}
