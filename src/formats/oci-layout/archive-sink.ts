import type { ImageSink } from '../../image/image-sink.ts';
import { openArchiveOutput } from '../archive-output.ts';
import type { ManifestFormat } from '../../image/media-types.ts';
import type { FormatContext } from '../context.ts';
import type { OuterMember } from '../tar-outer.ts';
import { type IndexEntry, indexJson, LAYOUT_FILE } from './documents.ts';
import { blobPath } from './layout-files.ts';
import { LayoutStaging } from './layout-staging.ts';

/** Writes an OCI layout as one archive; the file appears, or replaces another, at the commit. */
export async function openArchiveSink(
  path: string,
  ref: string | null,
  context: FormatContext,
  { format, resume }: { format?: ManifestFormat | undefined; resume?: string | undefined } = {},
): Promise<ImageSink> {
  const { blobs, write } = await openArchiveOutput(path, context, resume);
  const layout = new LayoutStaging(blobs, format);
  return {
    transport: 'oci-archive',
    location: path,
    defaultCompression: 'keep',
    keepsManifests: true,
    workDir: blobs.path,
    hasBlob: (digest, size) => blobs.has(digest, size),
    putBlob: (digest, blob, { move }) => blobs.put(digest, blob, move),
    putImage: (image) => layout.putImage(image),
    putIndex: (index) => layout.putIndex(index),
    putArtifact: (artifact) => layout.putArtifact(artifact),
    readDocument: (digest) => layout.readDocument(digest),
    commit: () => {
      const entries = layout.entries(ref, (name) => name);
      return write(layoutMembers(layout, entries));
    },
    close: () => blobs.remove(),
  };
}

/** The members of an archive that is an OCI layout. */
export function layoutMembers(layout: LayoutStaging, entries: readonly IndexEntry[]): OuterMember[] {
  const blobs = [...layout.blobs.blobs()].map(([digest, blob]): OuterMember => ({
    name: blobPath(digest),
    content: blob,
  }));
  const directories = new Set([
    'blobs/',
    'blobs/sha256/',
    ...blobs.map(({ name }) => name.slice(0, name.lastIndexOf('/') + 1)),
  ]);
  return [
    ...[...directories].map((name) => ({ name, content: null })),
    ...blobs,
    { name: 'index.json', content: indexJson(entries) },
    { name: 'oci-layout', content: LAYOUT_FILE },
  ];
}
