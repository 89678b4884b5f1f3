import type { Digest } from '../../identity/digest.ts';
import { OCI_INDEX } from '../../image/media-types.ts';
import { canonicalName, CONTAINERD_NAME, REF_NAME } from '../names.ts';

/** A line of an index.json that is written. */
export interface IndexEntry {
  mediaType: string;
  digest: Digest;
  size: number;
  artifactType?: string;
  annotations?: Record<string, string>;
}

export const LAYOUT_FILE: Buffer = Buffer.from('{"imageLayoutVersion":"1.0.0"}');

export function indexJson(manifests: readonly unknown[]): Buffer {
  return Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests }));
}

/** The annotations that give an entry one name; `refName` is what tools ask for it by. */
export function nameAnnotations(name: string | null, refName: string | null): { annotations?: Record<string, string> } {
  if (name === null && refName === null) return {};
  return {
    annotations: {
      ...(name === null ? {} : { [CONTAINERD_NAME]: canonicalName(name) }),
      ...(refName === null ? {} : { [REF_NAME]: refName }),
    },
  };
}
