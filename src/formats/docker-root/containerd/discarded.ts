import type { EngineError } from '../../../errors/engine-error.ts';
import { engineError, hasCode } from '../../../errors/kinds.ts';
import type { ImageContent } from '../../content.ts';
import type { FormatContext } from '../../context.ts';
import type { StoreEntry } from './entries.ts';
import { imageWithLayer } from './known-images.ts';
import type { ImageRecord, Metadata } from './metadata.ts';

/**
 * Tells a layer that was thrown away after it had been unpacked (`discard_unpacked_layers`) from one that never came:
 * the error that says so, or null. `error` is what reading an image of the entry ended in.
 */
export async function discardedLayer(
  error: EngineError,
  { descriptor, records }: StoreEntry,
  content: ImageContent,
  { facts }: Metadata,
  context: FormatContext,
): Promise<EngineError | null> {
  if (!hasCode(error, 'BLOB_MISSING')) return null;
  const { digest } = error.details;
  const image = await imageWithLayer(content, descriptor, digest, context);
  const top = image?.chain.at(-1);
  const snapshotters = top === undefined ? [] : facts.unpacked(top).map(({ snapshotter }) => snapshotter);
  if (snapshotters.length === 0) return null;
  const commands = records.flatMap(fetchCommand);
  const message = messageOf(digest, snapshotters, commands);
  return engineError('LAYER_ONLY_UNPACKED', message, { digest, snapshotters, commands });
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
