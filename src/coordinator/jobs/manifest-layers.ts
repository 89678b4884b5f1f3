import type { Digest } from '../../identity/digest.ts';

/** The digests of the layers that a manifest names, base first. The manifest was checked when it came. */
export function decodeManifestLayers(raw: Buffer): Digest[] {
  const { layers = [] } = JSON.parse(raw.toString('utf8')) as { layers?: { digest: Digest }[] };
  return layers.map(({ digest }) => digest);
}
