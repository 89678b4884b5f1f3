import type { EngineError } from '../../errors/engine-error.ts';
import { engineError } from '../../errors/kinds.ts';
import type { Digest } from '../../identity/digest.ts';
import type { ImageSink, SinkImage } from '../../image/image-sink.ts';
import { openArchiveOutput } from '../archive-output.ts';
import type { BlobStaging } from '../blob-staging.ts';
import type { FormatContext } from '../context.ts';
import { askedName } from '../names.ts';
import type { OuterMember } from '../tar-outer.ts';
import { repositoriesJson } from './repositories.ts';

const VERSION = Buffer.from('1.0');
const EMPTY_LAYER = Buffer.alloc(1024);

/** One v1 image of the archive; without a layer of its own it changes nothing. */
interface V1Image {
  json: Buffer;
  layer: Digest | null;
}

/**
 * Writes what `docker save` wrote before 1.10: a directory of VERSION, json and layer.tar for each v1 image, and
 * `repositories`. `-` is stdout. Throws INVALID_ARGUMENT for images that have no v1 chain.
 */
export async function openLegacySink(path: string, ref: string | null, context: FormatContext): Promise<ImageSink> {
  const asked = ref === null ? null : askedName(ref);
  const { blobs, write } = await openArchiveOutput(path, context);
  const images = new Map<string, V1Image>();
  const names: [name: string, id: string][] = [];
  return {
    transport: 'docker-archive',
    location: path,
    defaultCompression: 'none',
    keepsManifests: false,
    hasBlob: (digest, size) => blobs.has(digest, size),
    putBlob: (digest, blob, { move }) => blobs.put(digest, blob, move),
    putImage: async (image) => {
      const head = addChain(images, image);
      for (const name of asked === null ? image.names : [asked]) names.push([name, head]);
      return { manifest: null };
    },
    putIndex: () => Promise.reject(noPlaceForIndex()),
    commit: () => write(members(images, names, blobs)),
    close: () => blobs.remove(),
  };
}

function noPlaceForIndex(): EngineError {
  return engineError('INVALID_ARGUMENT', 'a legacy archive has no place for a multi-platform index', {
    argument: 'legacy',
  });
}

/** Answers the id of the image itself. */
function addChain(images: Map<string, V1Image>, { chain, layers }: SinkImage): string {
  const head = chain?.at(-1);
  if (chain === null || head === undefined) {
    throw engineError('INVALID_ARGUMENT', 'this image has no v1 chain, and a legacy archive holds nothing else', {
      argument: 'legacy',
    });
  }
  const own = layers.values();
  for (const { id, json, empty } of chain) {
    images.set(id, { json, layer: empty ? null : (own.next().value?.digest ?? null) });
  }
  return head.id;
}

function members(images: Map<string, V1Image>, names: [string, string][], blobs: BlobStaging): OuterMember[] {
  const staged = new Map(blobs.blobs());
  const directories = [...images].flatMap(([id, { json, layer }]): OuterMember[] => [
    { name: `${id}/`, content: null },
    { name: `${id}/VERSION`, content: VERSION },
    { name: `${id}/json`, content: json },
    { name: `${id}/layer.tar`, content: (layer === null ? undefined : staged.get(layer)) ?? EMPTY_LAYER },
  ]);
  return names.length === 0
    ? directories
    : [...directories, { name: 'repositories', content: repositoriesJson(names) }];
}
