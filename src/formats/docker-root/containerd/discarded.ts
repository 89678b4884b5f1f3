import type { EngineError } from '../../../errors/engine-error.ts';
import { engineError, hasCode, isEngineError } from '../../../errors/kinds.ts';
import { chainIds } from '../../../identity/digest.ts';
import { decodeConfig } from '../../../image/decode-config.ts';
import { DEFAULT_DOCUMENT_LIMITS } from '../../../image/document-limits.ts';
import { decodeIndex, decodeManifest, type Descriptor } from '../../../image/manifest.ts';
import { isIndexType, isManifestType } from '../../../image/media-types.ts';
import { quoted } from '../../../image/strict-json.ts';
import type { ImageContent } from '../../content.ts';
import type { FormatContext } from '../../context.ts';
import type { StoreEntry } from './entries.ts';
import type { ImageRecord, Metadata } from './metadata.ts';

/**
 * Tells a layer that was thrown away after it had been unpacked (`discard_unpacked_layers`) from one that never came:
 * the error that says so, or null. `error` is what reading an image of the entry ended in.
 */
export async function discardedLayer(
  error: EngineError,
  { descriptor, records }: StoreEntry,
  content: ImageContent,
  { unpacked }: Metadata,
  context: FormatContext,
): Promise<EngineError | null> {
  if (!hasCode(error, 'BLOB_MISSING')) return null;
  const { digest } = error.details;
  for await (const { layers, top } of imagesOf(content, descriptor, context, 1)) {
    const snapshots = unpacked.get(top);
    if (snapshots === undefined || !layers.some((layer) => layer.digest === digest)) continue;
    const snapshotters = [...new Set(snapshots.map(({ snapshotter }) => snapshotter))];
    const commands = records.flatMap(fetchCommand);
    return engineError('LAYER_ONLY_UNPACKED', messageOf(digest, snapshotters, commands), {
      digest,
      snapshotters,
      commands,
    });
  }
  return null;
}

function messageOf(digest: string, snapshotters: string[], commands: string[]): string {
  const left = `only its snapshot (${snapshotters.join(', ')}) is left, which does not give the layer's bytes back`;
  const way = commands[0] ?? 'ctr content fetch';
  return `the layer ${digest} was discarded after it had been unpacked: ${left}; fetch it again (${way}) or pull the image again`;
}

/** Names that a shell could take for something else are not put into a command. */
function fetchCommand({ namespace, name }: ImageRecord): string[] {
  const isPlain = [namespace, name].every((word) => /^[A-Za-z0-9][A-Za-z0-9._:/@-]*$/.test(word));
  return isPlain && !name.startsWith('moby-dangling@') ? [`ctr -n ${namespace} content fetch ${name}`] : [];
}

interface KnownImage {
  layers: Descriptor[];
  /** The ChainID of all its layers. */
  top: string;
}

/** The images below a descriptor whose manifest and config are here and in order. */
async function* imagesOf(
  content: ImageContent,
  descriptor: Descriptor,
  context: FormatContext,
  depth: number,
): AsyncGenerator<KnownImage> {
  const limits = context.documents ?? DEFAULT_DOCUMENT_LIMITS;
  if (depth > limits.nesting + 1) return;
  const raw = await orNull(content.document(descriptor, quoted(descriptor.digest)));
  if (raw === null) return;
  if (isIndexType(descriptor.mediaType)) {
    for (const member of decodeIndex(raw, descriptor.mediaType, limits)) {
      yield* imagesOf(content, member, context, depth + 1);
    }
  } else if (isManifestType(descriptor.mediaType)) {
    const image = await orNull(knownImage(content, raw, descriptor, context));
    if (image !== null) yield image;
  }
}

async function knownImage(
  content: ImageContent,
  raw: Buffer,
  { mediaType }: Descriptor,
  { documents }: FormatContext,
): Promise<KnownImage | null> {
  const { config, layers } = decodeManifest(raw, mediaType, documents);
  const bytes = config === null ? null : await content.document(config, 'the image config');
  const top = bytes === null ? undefined : chainIds(decodeConfig(bytes, documents).diffIds).at(-1);
  return top === undefined ? null : { layers, top };
}

/** What is wrong with the other images of an index is told when they are read. */
async function orNull<Value>(promise: Promise<Value>): Promise<Value | null> {
  try {
    return await promise;
  } catch (error) {
    if (isEngineError(error)) return null;
    throw error;
  }
}
