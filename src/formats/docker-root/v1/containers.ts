import type { EngineError } from '../../../errors/engine-error.ts';
import { engineError } from '../../../errors/kinds.ts';
import { isImageId } from '../../../identity/image-id.ts';
import type { DocumentLimits } from '../../../image/document-limits.ts';
import { quoted } from '../../../image/strict-json.ts';
import { decodeV1Container, type V1Container } from '../../../image/v1-container.ts';
import { brokenImage } from '../../broken.ts';
import type { RootFiles } from '../root-files.ts';

/** The containers of a data directory, and what is wrong with those whose configuration cannot be used. */
export async function readContainers(
  files: RootFiles,
  limits?: DocumentLimits,
): Promise<{ containers: V1Container[]; broken: Map<string, EngineError> }> {
  const containers: V1Container[] = [];
  const broken = new Map<string, EngineError>();
  for (const id of (await files.names('containers')).filter(isImageId)) {
    try {
      const raw = await files.read(`containers/${id}/config.json`, limits);
      // From 1.10 on it has another name: that one is no v1 container.
      if (raw !== null) containers.push(decodeV1Container(raw, id, limits));
    } catch (error) {
      broken.set(id, brokenImage(id, error).error);
    }
  }
  return { containers, broken };
}

/** The container with a name, or with an id that begins so. Throws CONTAINER_NOT_FOUND, ID_AMBIGUOUS and why it is broken. */
export async function findContainer(files: RootFiles, name: string, limits?: DocumentLimits): Promise<V1Container> {
  const { containers, broken } = await readContainers(files, limits);
  const wanted = name.replace(/^\//, '');
  const named = containers.find((container) => container.name === wanted);
  if (named !== undefined) return named;
  const isPrefix = /^[a-f0-9]{1,64}$/.test(wanted);
  const matches = [...containers.map(({ id }) => id), ...broken.keys()].filter(
    (id) => isPrefix && id.startsWith(wanted),
  );
  if (matches.length > 1) {
    throw engineError('ID_AMBIGUOUS', `${matches.length} containers have an id that begins with ${wanted}`, {
      prefix: wanted,
      matches: matches.slice(0, 10),
    });
  }
  const problem = broken.get(matches[0] ?? '');
  if (problem !== undefined) throw problem;
  const found = containers.find(({ id }) => id === matches[0]);
  if (found !== undefined) return found;
  const message = `no container called ${quoted(name)} in ${quoted(files.root)}; its directory containers/ has those that are there`;
  throw engineError('CONTAINER_NOT_FOUND', message, { name: name.slice(0, 300) });
}
