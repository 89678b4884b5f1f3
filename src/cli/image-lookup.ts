import { chooseMember } from '../coordinator/jobs/import-index.ts';
import type { Engine } from '../engine.ts';
import { engineError } from '../errors/kinds.ts';
import type { Image } from '../graph/image.ts';
import { familiarReference } from '../identity/reference.ts';
import { parsePlatform } from './platform-option.ts';

/** The image that a person means: a name, an id, or a prefix of one; of a multi-platform name the one for `platform`. */
export async function findImage(engine: Engine, name: string, platform?: string): Promise<Image> {
  const wanted = parsePlatform(platform);
  if (wanted === undefined) return engine.tags.lookupImage(name);
  const index = await engine.graph.indexes.of(familiarReference(name));
  const member = index === null ? null : chooseMember(index, wanted);
  if (member !== null) return engine.graph.get(member.id);
  const message = `${JSON.stringify(name)} has no image for ${platform!} in this store`;
  throw engineError('UNSUPPORTED_PLATFORM', message, { platform: platform! });
}
