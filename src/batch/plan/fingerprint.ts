import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parseDockerReference } from '../../formats/distribution/docker-reference.ts';
import { isEngineError } from '../../errors/kinds.ts';
import { errnoOf } from '../../errors/system-error.ts';
import type { Registries } from '../../formats/distribution/registry.ts';
import { parseLocation } from '../../formats/transports.ts';

/**
 * Tells whether a source is still what it was, without reading it: size and times of its file, or the digest that a tag leads
 * to, by one HEAD. Null where only reading tells, and for what is not there.
 */
export async function fingerprintOf(
  location: string,
  registries: Registries | undefined,
  signal: AbortSignal,
): Promise<string | null> {
  const { transport, path } = parseLocation(location);
  try {
    if (transport === 'docker') return await fingerprintOfTag(path, registries, signal);
    if (transport === 'oci') return await fingerprintOfFile(join(path, 'index.json'));
    if (transport === 'dir') return await fingerprintOfFile(join(path, 'manifest.json'));
    return await fingerprintOfFile(path);
  } catch (error) {
    if (isEngineError(error) ? error.kind === 'Cancelled' : errnoOf(error) === undefined) throw error;
    return null;
  }
}

async function fingerprintOfTag(
  path: string,
  registries: Registries | undefined,
  signal: AbortSignal,
): Promise<string | null> {
  const { host, name, reference } = parseDockerReference(path);
  const repository = await registries?.repository(host, name);
  return (await repository?.headManifest(reference, signal))?.digest ?? null;
}

/** Null for a directory: what is in it can change without it. */
async function fingerprintOfFile(path: string): Promise<string | null> {
  const found = await stat(path, { bigint: true });
  return found.isFile() ? [found.ino, found.size, found.mtimeNs, found.ctimeNs].join(' ') : null;
}
