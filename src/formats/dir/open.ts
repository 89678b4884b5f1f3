import { realpath } from 'node:fs/promises';
import { engineError } from '../../errors/kinds.ts';
import { type Digest, sha256Digest } from '../../identity/digest.ts';
import type { ImageSource, SourceItem } from '../../image/image-source.ts';
import type { Descriptor } from '../../image/manifest.ts';
import { isIndexType, isManifestType, isSchema1Type } from '../../image/media-types.ts';
import { quoted } from '../../image/strict-json.ts';
import { notAnImage } from '../archive-file.ts';
import type { ImageContent, NamedDescriptor } from '../content.ts';
import type { FormatContext } from '../context.ts';
import { locateFile } from '../directory-file.ts';
import { manifestType } from '../distribution/manifest-type.ts';
import { readDocument } from '../read-document.ts';
import { readIndex } from '../read-index.ts';
import { checkLength, readManifest } from '../read-manifest.ts';
import { readSchema1 } from '../read-schema1.ts';
import { blobName, MANIFEST, memberName, readNamed, versionOf } from './files.ts';

/** Opens what skopeo calls `dir:`, an image or an index with its images, without a name. */
export async function openDir(path: string, context: FormatContext): Promise<ImageSource> {
  const root = await realpath(path);
  const warnings: string[] = [];
  return {
    transport: 'dir',
    location: path,
    warnings,
    images: () => readDir({ root, location: path, warnings, context }),
    close: () => Promise.resolve(),
  };
}

interface Reading {
  root: string;
  location: string;
  warnings: string[];
  context: FormatContext;
}

async function* readDir(reading: Reading): AsyncGenerator<SourceItem> {
  const { root, location, warnings, context } = reading;
  const raw = await readNamed(root, MANIFEST, context.documents);
  if (raw === null) throw notAnImage(location, `the directory has no ${MANIFEST}`);
  await checkVersion(reading);
  const entry = nameless(raw);
  const { mediaType } = entry.descriptor;
  const content = dirContent(root, context);
  if (isIndexType(mediaType)) {
    const { images, missing } = yield* readIndex(content, entry, context);
    if (missing.length > 0) warnings.push(`${quoted(location)}: ${missing.length} members of its index are not here`);
    if (images === 0) throw notAnImage(location, 'its index lists no image that is there');
    return;
  }
  if (isSchema1Type(mediaType)) {
    yield await readSchema1({ raw, entry }, (digest) => layerOf(root, digest), context);
    return;
  }
  // What is no JSON has no type; its reader says so.
  const canBe = isManifestType(mediaType) || mediaType === '';
  const read = canBe ? await readManifest(content, entry, context) : null;
  if (read?.kind !== 'modern' && read?.kind !== 'broken')
    throw notAnImage(location, `it is an artifact of another kind (${quoted(mediaType)})`);
  yield read;
}

async function checkVersion({ root, warnings, context }: Reading): Promise<void> {
  const version = await versionOf(root, context.documents);
  if (version === null) warnings.push('the directory does not say that it is a dir: layout');
  else if (!version.startsWith('1.')) {
    const message = `the dir: layout is of version ${version}; 1.1 is what can be read`;
    throw engineError('ARCHIVE_INVALID', message, { member: 'version' });
  }
}

/** The document that is here already; what it is, only itself can say. */
function nameless(raw: Buffer): NamedDescriptor {
  const digest = sha256Digest(raw);
  const descriptor: Descriptor = {
    mediaType: manifestType(undefined, raw),
    digest,
    size: raw.length,
    annotations: new Map(),
    platform: null,
    artifactType: null,
    data: raw,
  };
  return { descriptor, ref: digest, names: [] };
}

/** A manifest of schema 1 names layers by digest alone. */
async function layerOf(root: string, digest: Digest): Promise<{ path: string; size: number }> {
  const file = await locateFile(root, blobName(digest));
  if (file !== null) return { path: file.path, size: file.length };
  throw engineError('BLOB_MISSING', `the layer ${digest} is not in the directory; copy the image there again`, {
    digest,
  });
}

function dirContent(root: string, context: FormatContext): ImageContent {
  const locate = async ({ digest, mediaType }: Descriptor): Promise<{ path: string; length: number } | null> => {
    const names = [blobName(digest), memberName(digest)];
    if (isManifestType(mediaType) || isIndexType(mediaType)) names.reverse();
    return (await locateFile(root, names[0]!)) ?? locateFile(root, names[1]!);
  };
  return {
    called: 'the directory',
    document: async (descriptor, what) => {
      const file = await locate(descriptor);
      if (file === null) return null;
      checkLength(file, descriptor, what);
      const { digest, size } = descriptor;
      return readDocument({ path: file.path, digest, size }, what, context.documents);
    },
    blob: locate,
  };
}
