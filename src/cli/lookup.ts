import { chooseMember } from '../coordinator/jobs/import-index.ts';
import type { Engine } from '../engine.ts';
import { engineError } from '../errors/kinds.ts';
import type { Image } from '../graph/image.ts';
import { familiarReference } from '../identity/reference.ts';
import { decodeConfig } from '../image/decode-config.ts';
import type { Platform } from '../image/image-source.ts';
import { formatPlatform, parsePlatform, platformMatches } from '../image/platform.ts';

/** An id as tools of this field print it, without the name of its hash. */
export function bareId(name: string): string {
  return /^sha256:[a-f0-9]{1,64}$/.test(name) ? name.slice('sha256:'.length) : name;
}

/**
 * The image that a person means: by name, id, or a prefix of an id. With a platform, the one that the name has for it.
 * Throws IMAGE_NOT_FOUND, ID_AMBIGUOUS, UNSUPPORTED_PLATFORM.
 */
export async function lookUp(engine: Engine, name: string, platform?: string): Promise<Image> {
  if (platform === undefined) return engine.tags.lookupImage(bareId(name));
  const wanted = parsePlatform(platform);
  const index = await engine.graph.indexes.of(familiarReference(name));
  const image = await (index === null
    ? engine.tags.lookupImage(bareId(name))
    : memberFor(engine, chooseMember(index, wanted)?.id));
  if (image !== null && (index !== null || (await isFor(engine, image, wanted)))) return image;
  const message = `${JSON.stringify(name)} has no image for ${formatPlatform(wanted)} in this store`;
  throw engineError('UNSUPPORTED_PLATFORM', message, { platform: formatPlatform(wanted) });
}

async function memberFor({ graph }: Engine, id: string | undefined): Promise<Image | null> {
  // One that was removed is listed still.
  return id === undefined || !graph.has(id) ? null : graph.get(id);
}

async function isFor({ graph }: Engine, image: Image, wanted: Platform): Promise<boolean> {
  const raw = await graph.configOf(image.id);
  const own = raw === null ? { os: image.os, architecture: image.architecture } : decodeConfig(raw).platform;
  return own !== null && platformMatches(wanted, own);
}

/** Refuses at once, before anything is read, what could not be written in the end. */
export function refuseReadOnly({ graph, root }: Engine): void {
  if (!graph.readOnly) return;
  const message = `${JSON.stringify(root)} is not a store of layermill's, so it is open for reading only`;
  throw engineError('STORE_READ_ONLY', message, { root });
}
