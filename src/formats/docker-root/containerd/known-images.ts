import { isEngineError } from '../../../errors/kinds.ts';
import { chainIds, type Digest } from '../../../identity/digest.ts';
import { decodeConfig } from '../../../image/decode-config.ts';
import { DEFAULT_DOCUMENT_LIMITS } from '../../../image/document-limits.ts';
import type { ImageConfig } from '../../../image/image-config.ts';
import { decodeIndex, decodeManifest, type Descriptor } from '../../../image/manifest.ts';
import { isIndexType, isManifestType } from '../../../image/media-types.ts';
import type { ImageContent } from '../../content.ts';
import type { FormatContext } from '../../context.ts';

/** An image whose documents are here; of its layers nothing is known. */
export interface KnownImage {
  manifest: Descriptor;
  config: ImageConfig;
  /** As many as the config has, base first. */
  layers: Descriptor[];
  chain: Digest[];
}

/** The image below `descriptor` that has the layer `digest`; null when its manifest or config is not here or in order. */
export async function imageWithLayer(
  content: ImageContent,
  descriptor: Descriptor,
  digest: string,
  context: FormatContext,
): Promise<KnownImage | null> {
  for await (const image of imagesOf(content, descriptor, context, 0)) {
    if (image.layers.some((layer) => layer.digest === digest)) return image;
  }
  return null;
}

async function* imagesOf(
  content: ImageContent,
  descriptor: Descriptor,
  context: FormatContext,
  depth: number,
): AsyncGenerator<KnownImage> {
  const limits = context.documents ?? DEFAULT_DOCUMENT_LIMITS;
  if (isManifestType(descriptor.mediaType)) {
    const image = await orNull(readKnown(content, descriptor, context));
    if (image !== null) yield image;
  } else if (isIndexType(descriptor.mediaType) && depth < limits.nesting) {
    for (const member of (await orNull(readMembers(content, descriptor, context))) ?? []) {
      yield* imagesOf(content, member, context, depth + 1);
    }
  }
}

async function readMembers(
  content: ImageContent,
  index: Descriptor,
  { documents }: FormatContext,
): Promise<Descriptor[] | null> {
  const raw = await content.document(index, 'the index');
  return raw === null ? null : decodeIndex(raw, index.mediaType, documents);
}

async function readKnown(
  content: ImageContent,
  manifest: Descriptor,
  { documents }: FormatContext,
): Promise<KnownImage | null> {
  const raw = await content.document(manifest, 'the manifest');
  const { config, layers } = raw === null ? NOTHING : decodeManifest(raw, manifest.mediaType, documents);
  const bytes = config === null ? null : await content.document(config, 'the image config');
  if (bytes === null) return null;
  const decoded = decodeConfig(bytes, documents);
  const { diffIds } = decoded;
  return diffIds.length === layers.length ? { manifest, config: decoded, layers, chain: chainIds(diffIds) } : null;
}

const NOTHING = { config: null, layers: [] };

/** What is wrong with documents is told when they are read to be given. */
async function orNull<Value>(promise: Promise<Value>): Promise<Value | null> {
  try {
    return await promise;
  } catch (error) {
    if (isEngineError(error)) return null;
    throw error;
  }
}
