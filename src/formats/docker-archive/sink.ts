import { digestHex } from '../../identity/digest.ts';
import { parseRepositoryTag } from '../../identity/reference.ts';
import type { ImageSink, SinkImage } from '../../image/image-sink.ts';
import { openArchiveOutput } from '../archive-output.ts';
import type { ManifestFormat } from '../../image/media-types.ts';
import type { FormatContext } from '../context.ts';
import { askedName } from '../names.ts';
import { layoutMembers } from '../oci-layout/archive-sink.ts';
import { blobPath } from '../oci-layout/layout-files.ts';
import { inOrder, LayoutStaging } from '../oci-layout/layout-staging.ts';
import { repositoriesJson } from './repositories.ts';

/**
 * Writes what `docker save` of Docker 25 and newer writes: an OCI layout that also has a manifest.json and, for older
 * readers, a `repositories`. `-` is stdout. Throws INVALID_NAME for a REF that is no name, TERMINAL_OUTPUT.
 */
export async function openDockerArchiveSink(
  path: string,
  ref: string | null,
  context: FormatContext,
  { format, resume }: { format?: ManifestFormat | undefined; resume?: string | undefined } = {},
): Promise<ImageSink> {
  const asked = ref === null ? null : askedName(ref);
  const { blobs, write } = await openArchiveOutput(path, context, resume);
  const layout = new LayoutStaging(blobs, format);
  const images: SinkImage[] = [];
  return {
    transport: 'docker-archive',
    location: path,
    defaultCompression: 'none',
    keepsManifests: true,
    workDir: blobs.path,
    hasBlob: (digest, size) => blobs.has(digest, size),
    putBlob: (digest, blob, { move }) => blobs.put(digest, blob, move),
    putImage: (image) => {
      const { additional = [] } = image;
      const names = [...new Set([...(asked === null ? image.names : [asked]), ...additional])];
      const named = { ...image, names, additional: [], ref: asked === null ? image.ref : null };
      images.push(named);
      return layout.putImage(named);
    },
    putIndex: (index) => layout.putIndex(index),
    readDocument: (digest) => layout.readDocument(digest),
    commit: () => {
      const members = [
        ...layoutMembers(
          layout,
          layout.entries(null, (name) => parseRepositoryTag(name).reference),
        ),
        { name: 'manifest.json', content: manifestJson(images) },
        { name: 'repositories', content: repositoriesJson(topLayers(images)) },
      ];
      return write(members);
    },
    close: () => blobs.remove(),
  };
}

function manifestJson(images: readonly SinkImage[]): Buffer {
  const sorted = images.toSorted((a, b) => inOrder(a, b) ?? (sortKey(a) < sortKey(b) ? -1 : 1));
  const lines = sorted.map(({ configDigest, names, layers }) => ({
    Config: blobPath(configDigest),
    RepoTags: names.length === 0 ? null : names,
    Layers: layers.map(({ digest }) => blobPath(digest)),
    LayerSources: Object.fromEntries(
      layers.map(({ diffId, digest, size, mediaType }) => [diffId, { mediaType, size, digest }]),
    ),
  }));
  // What was put twice is one line.
  const distinct = new Map(lines.map((line) => [JSON.stringify([line.Config, line.RepoTags]), line]));
  return Buffer.from(`${JSON.stringify([...distinct.values()])}\n`);
}

/** Images are listed by name, whichever was ready first. */
function sortKey({ names, configDigest }: SinkImage): string {
  return `${names[0] ?? ''} ${configDigest}`;
}

/** Docker's `repositories` leads from a name to the top layer; an image without layers has nothing to lead to. */
function topLayers(images: readonly SinkImage[]): [name: string, id: string][] {
  return images.flatMap(({ names, layers }) => {
    const top = layers.at(-1);
    return top === undefined ? [] : names.map((name): [string, string] => [name, digestHex(top.digest)]);
  });
}
