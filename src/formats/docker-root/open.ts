import { hasCode } from '../../errors/kinds.ts';
import type { ImageSource, SourceItem } from '../../image/image-source.ts';
import { notAnImage } from '../archive-file.ts';
import type { FormatContext } from '../context.ts';
import { nothingSelected } from '../selection.ts';
import { isContainerdRoot, openContainerdRoot } from './containerd/open.ts';
import { openContainerImage } from './modern/container-image.ts';
import { readMigrated } from './migrated.ts';
import { modernDrivers, openModernRoot } from './modern/open.ts';
import type { RootListing, RootSource } from './root-listing.ts';
import { isV1Root, openV1Root } from './v1/open.ts';

/** `PATH#container=NAME` is a container as an image. */
const CONTAINER_MARK = '#container=';

/** One of the stores that a data directory may hold beside one another. */
interface Part {
  /** What it is called in warnings. */
  name: string;
  source: RootSource;
}

/**
 * Opens a data directory of Docker, of any age, for reading only. What an upgrade left behind lies beside what came after
 * it: all of it is read, the newest first, and what was given once is not given again. Throws NOT_AN_IMAGE.
 */
export async function openDockerRoot(path: string, ref: string | null, context: FormatContext): Promise<ImageSource> {
  const mark = path.lastIndexOf(CONTAINER_MARK);
  if (mark >= 0) {
    return openContainer(path.slice(0, mark), path.slice(mark + CONTAINER_MARK.length), ref, context);
  }
  const parts = await openParts(path, ref, context);
  const [first] = parts;
  if (first === undefined) throw nothingHere(path);
  if (parts.length === 1) return first.source;
  const warnings: string[] = [];
  return {
    transport: 'docker-root',
    location: path,
    warnings,
    images: () => readParts(parts, path, ref, warnings),
    close: () => closeAll(parts),
  };
}

/** Whether a path says that a container is meant. */
export function isContainer(path: string): boolean {
  return path.includes(CONTAINER_MARK);
}

/** True for a directory that a Docker keeps its images in. */
export async function isDockerRoot(path: string): Promise<boolean> {
  return (await modernDrivers(path)).length > 0 || (await isV1Root(path)) || (await isContainerdRoot(path));
}

/** After an upgrade the containers are those of the newer Docker. */
async function openContainer(
  path: string,
  container: string,
  ref: string | null,
  context: FormatContext,
): Promise<ImageSource> {
  if ((await modernDrivers(path)).length === 0 && (await isV1Root(path))) {
    return openV1Root(path, ref, { container }, context);
  }
  return openContainerImage(path, container, ref, context);
}

/**
 * What the stores of a data directory hold, newest first: from metadata alone. Throws NOT_AN_IMAGE.
 */
export async function listDockerRoot(path: string, ref: string | null, context: FormatContext): Promise<RootListing[]> {
  const parts = await openParts(path, ref, context);
  const listings: RootListing[] = [];
  try {
    for (const { source } of parts) listings.push(await source.listing());
  } finally {
    await closeAll(parts);
  }
  if (listings.length === 0) throw nothingHere(path);
  await leaveOutMigrated(path, listings);
  return listings;
}

/** Of images that were migrated, their successors are listed. */
async function leaveOutMigrated(path: string, listings: readonly RootListing[]): Promise<void> {
  const graph = listings.find(({ kind }) => kind === 'docker-v1');
  if (graph === undefined || listings.length === 1) return;
  const migrated = await readMigrated(path, graph.warnings);
  const readable = listings.flatMap(({ images }) => images.filter(({ damaged }) => damaged === null));
  const listed = new Set(readable.map(({ id }) => id));
  const left = graph.images.filter(({ id }) => !listed.has(migrated.get(id) ?? ''));
  const count = graph.images.length - left.length;
  if (count > 0) graph.warnings.push(`${count} images in graph are left out: an upgrade has migrated them`);
  graph.images = left;
}

async function closeAll(parts: readonly Part[]): Promise<void> {
  await Promise.all(parts.map(({ source }) => source.close()));
}

function nothingHere(path: string): Error {
  return notAnImage(
    path,
    'it is no data directory of Docker: it has neither image/<driver>/imagedb, nor graph/<id>, nor images of containerd (a containerd of its own has its directory elsewhere, /var/lib/containerd)',
  );
}

async function openParts(path: string, ref: string | null, context: FormatContext): Promise<Part[]> {
  const parts: Part[] = [];
  try {
    for await (const part of partsOf(path, ref, context)) parts.push(part);
    return parts;
  } catch (error) {
    await closeAll(parts);
    throw error;
  }
}

async function* partsOf(path: string, ref: string | null, context: FormatContext): AsyncGenerator<Part> {
  if (await isContainerdRoot(path))
    yield { name: "containerd's image store", source: await openContainerdRoot(path, ref, context) };
  for (const driver of await modernDrivers(path))
    yield { name: `image/${driver}`, source: await openModernRoot(path, driver, ref, context) };
  if (await isV1Root(path)) yield { name: 'graph', source: await openV1Root(path, ref, { container: null }, context) };
}

async function* readParts(
  parts: readonly Part[],
  path: string,
  ref: string | null,
  warnings: string[],
): AsyncGenerator<SourceItem> {
  warnings.push(`the directory holds ${parts.map(({ name }) => name).join(' and ')}; what several have is given once`);
  const migrated = await readMigrated(path, warnings);
  const given = new Set<string>();
  const named = new Set<string>();
  let found = false;
  for (const { name, source } of parts) {
    try {
      for await (const item of source.images()) {
        found = true;
        if (!isRepeated(item, given, migrated)) yield withoutTaken(item, named, name, warnings);
      }
    } catch (error) {
      if (!hasCode(error, 'IMAGE_NOT_FOUND')) throw error;
    }
    warnings.push(...(source.warnings ?? []));
  }
  if (ref !== null && !found) throw nothingSelected(path, ref);
}

/** Also what an image was before the upgrade that made it: a name that only that still has was taken away since. */
function isRepeated(item: SourceItem, given: Set<string>, migrated: ReadonlyMap<string, string>): boolean {
  const id = idOf(item);
  if (id === null) return false;
  const repeated = given.has(id) || given.has(migrated.get(id) ?? '');
  given.add(id);
  return repeated;
}

function idOf(item: SourceItem): string | null {
  if (item.kind === 'modern') return item.configDigest;
  if (item.kind === 'legacy') return item.chain.at(-1)?.id ?? null;
  return item.kind === 'index' ? item.digest : null;
}

/** A name is the newest image's that has it. */
function withoutTaken(item: SourceItem, named: Set<string>, part: string, warnings: string[]): SourceItem {
  if (item.kind === 'broken' || item.kind === 'artifact') return item;
  const taken = item.names.filter((name) => named.has(name));
  for (const name of taken) warnings.push(`${name} is another image in ${part}; the newer one keeps the name`);
  const names = item.names.filter((name) => !named.has(name));
  for (const name of names) named.add(name);
  return { ...item, names };
}
