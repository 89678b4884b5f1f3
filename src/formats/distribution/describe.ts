import type { Descriptor } from '../../image/manifest.ts';
import type { FetchedManifest } from './registry.ts';

/** The descriptor of a document that is here already. */
export function describe({ mediaType, digest, raw }: FetchedManifest): Descriptor {
  return { mediaType, digest, size: raw.length, annotations: new Map(), platform: null, artifactType: null, data: raw };
}
