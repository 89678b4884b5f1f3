import { engineError } from '../../errors/kinds.ts';
import type { Digest } from '../../identity/digest.ts';
import type { SinkArtifact } from '../../image/image-sink.ts';
import { decodeIndex } from '../../image/manifest.ts';
import { isIndexType, OCI_INDEX } from '../../image/media-types.ts';
import { quoted } from '../../image/strict-json.ts';
import { referrersTag } from './referrers.ts';
import type { Repository } from './registry.ts';

/**
 * Adds an artifact to the index that stands for a list of referrers in a registry that keeps none (OCI distribution spec 1.1,
 * "Referrers Tag Schema"); what is in it stays. Throws REGISTRY_PROTOCOL when the tag leads to something else.
 */
export async function listInFallback(
  repository: Repository,
  artifact: SinkArtifact,
  subject: Digest,
  signal: AbortSignal | undefined,
): Promise<void> {
  const tag = referrersTag(subject);
  const now = await repository.manifest(tag, signal);
  if (now !== null && !isIndexType(now.mediaType)) throw noIndex(repository, tag, now.mediaType);
  const mediaType = now?.mediaType ?? OCI_INDEX;
  if (now !== null && decodeIndex(now.raw, mediaType).some(({ digest }) => digest === artifact.digest)) return;
  const before = now === null ? EMPTY : (JSON.parse(now.raw.toString()) as { manifests?: unknown[] | null });
  const index = { ...before, manifests: [...(before.manifests ?? []), lineOf(artifact)] };
  await repository.putManifest(tag, Buffer.from(JSON.stringify(index)), mediaType, signal);
}

const EMPTY = { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [] };

function lineOf({ mediaType, digest, raw, artifactType, annotations }: SinkArtifact): object {
  return {
    mediaType,
    digest,
    size: raw.length,
    ...(annotations.size === 0 ? {} : { annotations: Object.fromEntries(annotations) }),
    ...(artifactType === null ? {} : { artifactType }),
  };
}

function noIndex({ host, name }: Repository, tag: string, mediaType: string): Error {
  const message = `the tag ${tag} of ${host}/${name} is for a list of referrers, but it leads to ${quoted(mediaType)}`;
  return engineError('REGISTRY_PROTOCOL', message, { host });
}
