import { engineError } from '../../errors/kinds.ts';
import type { Digest } from '../../identity/digest.ts';
import { familiarName, imageReference } from '../../identity/reference.ts';
import type { ImageSource, SourceItem } from '../../image/image-source.ts';
import { isIndexType, isManifestType, isSchema1Type } from '../../image/media-types.ts';
import { quoted } from '../../image/strict-json.ts';
import { notAnImage } from '../archive-file.ts';
import type { ImageContent, NamedDescriptor } from '../content.ts';
import type { FormatContext } from '../context.ts';
import { readIndex } from '../read-index.ts';
import { readManifest } from '../read-manifest.ts';
import { type FoundReferrer, withReferrers } from '../referrers.ts';
import { openSpool, type Spool } from '../spool.ts';
import { describe } from './describe.ts';
import { type DockerReference, parseDockerReference } from './docker-reference.ts';
import { fetchSchema1 } from './fetch-schema1.ts';
import { findReferrers } from './find-referrers.ts';
import { registriesOf } from './registries-of.ts';
import type { FetchedManifest, Repository } from './registry.ts';
import { originOf, repositoryContent } from './repository-content.ts';

/**
 * Opens an image, or an index with its images, in a registry: `//HOST/NAME[:TAG][@DIGEST]`. Nothing is asked before it is
 * read. Throws INVALID_ARGUMENT, INVALID_NAME, ….
 */
export function openRegistrySource(path: string, context: FormatContext): ImageSource {
  const address = parseDockerReference(path);
  const { registries, close } = registriesOf(context, 'source');
  const location = `docker:${path}`;
  const warnings: string[] = [];
  let spool: Promise<Spool> | null = null;
  const opened = (): Promise<Spool> => (spool ??= openSpool(context));
  return {
    transport: 'docker',
    location,
    warnings,
    images: async function* () {
      const repository = await registries.repository(address.host, address.name);
      const found = await resolve(repository, address, warnings, context.signal);
      const content = repositoryContent(repository, opened, context);
      const items = readFound(
        { repository, content, spool: opened, warnings, context },
        namedBy(address, found),
        found,
      );
      const find = (subject: Digest): Promise<FoundReferrer[]> => findReferrers(repository, subject, context.signal);
      yield* context.referrers === true ? withReferrers(items, { content, find, warnings, context }) : items;
    },
    close: async () => {
      await (await spool)?.remove();
      await close();
    },
  };
}

interface Reading {
  repository: Repository;
  content: ImageContent;
  spool: () => Promise<Spool>;
  warnings: string[];
  context: FormatContext;
}

/** Throws REMOTE_IMAGE_NOT_FOUND. */
async function resolve(
  repository: Repository,
  { tag, digest, reference }: DockerReference,
  warnings: string[],
  signal: AbortSignal | undefined,
): Promise<FetchedManifest> {
  const found = await repository.manifest(reference, signal);
  if (found === null) throw notFound(repository, reference);
  if (tag !== null && digest !== null) {
    const now = await repository.headManifest(tag, signal);
    if (now?.digest !== digest) {
      const what = now === null ? 'is gone' : `is ${now.digest} now`;
      warnings.push(`the tag ${tag} of ${originOf(repository)} ${what}; ${digest} was read, as asked for`);
    }
  }
  return found;
}

function notFound(repository: Repository, reference: string): Error {
  const { host, name } = repository;
  return engineError('REMOTE_IMAGE_NOT_FOUND', `${host}/${imageReference(name, reference)} is not in its registry`, {
    host,
    name,
    reference,
  });
}

/** The document that is here already, under the name in familiar form that it was asked for by. */
function namedBy({ host, name, tag, reference }: DockerReference, found: FetchedManifest): NamedDescriptor {
  const text = imageReference(familiarName(`${host}/${name}`), tag ?? reference);
  // A digest is no name that an image could be called by elsewhere.
  return { descriptor: describe(found), ref: text, names: text.includes('@') ? [] : [text] };
}

async function* readFound(
  reading: Reading,
  entry: NamedDescriptor,
  { raw, mediaType }: FetchedManifest,
): AsyncGenerator<SourceItem> {
  const { repository, content, spool, warnings, context } = reading;
  if (isIndexType(mediaType)) {
    const { images, missing } = yield* readIndex(content, entry, context);
    if (missing.length > 0)
      warnings.push(`${quoted(entry.ref)}: ${missing.length} members of its index are not in the registry`);
    if (images === 0) throw notAnImage(entry.ref, 'its index lists no image that is there');
    return;
  }
  if (isSchema1Type(mediaType)) {
    yield await fetchSchema1(repository, { raw, entry }, await spool(), context);
    return;
  }
  const read = isManifestType(mediaType) ? await readManifest(content, entry, context) : null;
  if (read?.kind !== 'modern' && read?.kind !== 'broken')
    throw notAnImage(entry.ref, `it is an artifact of another kind (${quoted(mediaType)})`);
  yield read;
}
