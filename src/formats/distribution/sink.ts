import { engineError } from '../../errors/kinds.ts';
import type { Digest } from '../../identity/digest.ts';
import { parseRepositoryTag } from '../../identity/reference.ts';
import type { ImageSink, SinkImage, WrittenImage } from '../../image/image-sink.ts';
import type { ManifestFormat } from '../../image/media-types.ts';
import { decodeManifest } from '../../image/manifest.ts';
import { quoted } from '../../image/strict-json.ts';
import { allDone } from '../../streams/all-done.ts';
import { subjectOf } from '../../image/subject-tag.ts';
import { BlobStaging } from '../blob-staging.ts';
import type { FormatContext } from '../context.ts';
import { BlobHomes } from './blob-homes.ts';
import { type DockerPrefix, type DockerReference, parseDockerDestination, pathOf } from './docker-reference.ts';
import { registriesOf } from './registries-of.ts';
import { RepositoryPusher } from './repository-pusher.ts';

/**
 * Pushes images to a registry: to one repository (`//HOST/NAME[:TAG][@DIGEST]`), or below a path of it (`//HOST/PATH/`), each
 * by its own name. Blobs and manifests are sent as they come; tags are set at the commit, so that nobody who asks by name
 * sees half of it. Throws INVALID_ARGUMENT, INVALID_NAME, ….
 */
export async function openRegistrySink(
  path: string,
  context: FormatContext,
  { format }: { format?: ManifestFormat | undefined } = {},
): Promise<ImageSink> {
  const destination = parseDockerDestination(path);
  const homes = context.homes ?? new BlobHomes();
  const { registries, close } = registriesOf(context, 'sink');
  const repositories = new Map<string, Promise<RepositoryPusher>>();
  const pusherOf = (name: string): Promise<RepositoryPusher> => {
    const known = repositories.get(name);
    if (known !== undefined) return known;
    const opened = registries
      .repository(destination.host, name)
      .then((repository) => new RepositoryPusher(repository, { ...context, homes }, format));
    repositories.set(name, opened);
    return opened;
  };
  if ('reference' in destination) return oneRepository(path, destination, await pusherOf(destination.name), close);
  return belowPrefix(path, destination, pusherOf, context, close);
}

const COMMON = {
  transport: 'docker',
  defaultCompression: 'keep',
  plainLayers: 'gzip',
  keepsManifests: true,
} as const;

function oneRepository(
  location: string,
  { tag, digest, reference }: DockerReference,
  pusher: RepositoryPusher,
  close: () => Promise<void>,
): ImageSink {
  // With a digest alone nothing is tagged: it says what must come out.
  const own = tag !== null || digest === null ? [tag ?? reference] : [];
  const tags = ({ ref, additional = [] }: Pick<SinkImage, 'ref' | 'additional'>): string[] => [
    ...(ref === null ? own : [ref]),
    ...additional.map((name) => parseRepositoryTag(name).reference),
  ];
  const check = (found: Digest): void => {
    if (digest !== null && digest !== found) throw otherDigest(location, digest, found);
  };
  return {
    ...COMMON,
    location: `docker:${location}`,
    hasBlob: (blob, size, origin) => pusher.hasBlob(blob, size, origin),
    putBlob: (blob, from, { move }) => pusher.putBlob(blob, from, move),
    pourBlob: (digest, size, pour, onBytes) => pusher.pourBlob({ digest, size, pour }, onBytes),
    putImage: (image) =>
      image.inIndex === undefined ? pusher.putImage(image, tags(image), check) : pusher.putImage(image, [], () => {}),
    putIndex: (index) => pusher.putIndex(index, tags(index), check),
    putManifest: (manifest) => pusher.putManifest(manifest),
    putArtifact: (artifact) => pusher.putArtifact(artifact),
    checkpoint: () => pusher.commit(),
    commit: () => pusher.commit(),
    close,
  };
}

/**
 * Images below a path. Which repository a blob belongs to is known when its image comes, so blobs wait in a temporary
 * directory until then, where they cost nothing if they lie on the same file system.
 */
async function belowPrefix(
  location: string,
  { prefix }: DockerPrefix,
  pusherOf: (name: string) => Promise<RepositoryPusher>,
  context: FormatContext,
  close: () => Promise<void>,
): Promise<ImageSink> {
  const staging = await BlobStaging.create(context.tempDir, { mayLink: true }, context);
  const used = new Set<RepositoryPusher>();
  /** Where each manifest has gone: what refers to it follows. */
  const homes = new Map<Digest, Set<RepositoryPusher>>();
  const live = (digest: Digest, pusher: RepositoryPusher): void => {
    homes.set(digest, (homes.get(digest) ?? new Set()).add(pusher));
  };
  /** An image may have names in several repositories, and then is in each. */
  const under = async (names: readonly string[]): Promise<[RepositoryPusher, string[]][]> => {
    if (names.length === 0) throw nameless(location);
    const tags = new Map<string, string[]>();
    for (const name of names) {
      const known = tags.get(pathOf(name)) ?? [];
      tags.set(pathOf(name), [...known, parseRepositoryTag(name).reference]);
    }
    const found: [RepositoryPusher, string[]][] = [];
    for (const [repository, own] of tags) {
      const pusher = await pusherOf(`${prefix}${repository}`);
      used.add(pusher);
      found.push([pusher, own]);
    }
    return found;
  };
  const push = async (pusher: RepositoryPusher, digest: Digest, size: number): Promise<void> => {
    if (await pusher.hasBlob(digest, size)) return;
    const blob = staging.blob(digest);
    if (blob !== null) await pusher.putBlob(digest, blob, false);
  };
  return {
    ...COMMON,
    location,
    workDir: staging.path,
    hasBlob: (digest, size) => staging.has(digest, size),
    putBlob: (digest, blob, { move }) => staging.put(digest, blob, move),
    putImage: async (image) => {
      const { names, inIndex, additional = [] } = image;
      let written: WrittenImage = { manifest: null };
      for (const [pusher, tags] of await under([...(inIndex ?? names), ...additional])) {
        await allDone(image.layers.map(({ digest, size }) => push(pusher, digest, size)));
        written = await pusher.putImage(image, inIndex === undefined ? tags : [], (digest) => live(digest, pusher));
      }
      return written;
    },
    putIndex: async (index) => {
      for (const [pusher, tags] of await under([...index.names, ...(index.additional ?? [])]))
        await pusher.putIndex(index, tags, (digest) => live(digest, pusher));
    },
    putArtifact: async (artifact) => {
      const { config, layers } = decodeManifest(artifact.raw, artifact.mediaType);
      const subject = subjectOf(artifact);
      for (const pusher of (subject === null ? undefined : homes.get(subject)) ?? []) {
        for (const { digest, size } of config === null ? layers : [config, ...layers]) await push(pusher, digest, size);
        await pusher.putArtifact(artifact);
        live(artifact.digest, pusher);
      }
    },
    commit: async () => {
      await allDone([...used].map((pusher) => pusher.commit()));
    },
    close: async () => {
      await staging.remove();
      await close();
    },
  };
}

function otherDigest(location: string, expected: Digest, actual: Digest): Error {
  const message = `${location} names ${expected}, but the image that is to go there is ${actual}; nothing was tagged`;
  return engineError('DIGEST_MISMATCH', message, { what: location, expected, actual });
}

function nameless(location: string): Error {
  const message = `an image without a name cannot go below ${quoted(location)}; write docker://HOST/NAME:TAG for it`;
  return engineError('INVALID_ARGUMENT', message, { argument: location });
}
