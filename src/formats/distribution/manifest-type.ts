import { DOCKER_INDEX, DOCKER_MANIFEST, DOCKER_SCHEMA1, OCI_INDEX, OCI_MANIFEST } from '../../image/media-types.ts';

const DOCKER_SCHEMA1_SIGNED = 'application/vnd.docker.distribution.manifest.v1+prettyjws';

/** Everything that a tag may be; a registry that converts does so only for what is not in here. */
export const ACCEPT: string = [
  OCI_INDEX,
  OCI_MANIFEST,
  DOCKER_INDEX,
  DOCKER_MANIFEST,
  DOCKER_SCHEMA1_SIGNED,
  DOCKER_SCHEMA1,
].join(', ');

/** The type without its parameters; empty when there is none. */
export function bareType(contentType: string | undefined): string {
  return (contentType ?? '').split(';')[0]!.trim().toLowerCase();
}

/** The media type of a manifest: what the registry says, or, where that means nothing, what the document says of itself. */
export function manifestType(contentType: string | undefined, raw: Buffer): string {
  const said = bareType(contentType);
  if (said !== '' && !said.startsWith('text/') && said !== 'application/json' && !said.endsWith('/octet-stream')) {
    return said;
  }
  try {
    const { mediaType, schemaVersion, manifests, signatures } = JSON.parse(raw.toString()) as Record<string, unknown>;
    if (typeof mediaType === 'string' && mediaType !== '') return mediaType;
    if (schemaVersion === 1) return signatures === undefined ? DOCKER_SCHEMA1 : DOCKER_SCHEMA1_SIGNED;
    return manifests === undefined ? OCI_MANIFEST : OCI_INDEX;
  } catch {
    return said;
  }
}
