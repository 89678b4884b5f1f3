import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chainIds, digestHex, sha256Digest } from '../../src/identity/digest.ts';
import type { ModernImage } from '../../src/image/image-source.ts';
import type { FixtureImage } from './image-fixture.ts';

/** A directory in which the layers of test images lie as files. */
export function imageDirectory(): string {
  return mkdtempSync(join(tmpdir(), 'layermill-images-'));
}

/** A fixture as a source would give it: layers in files, with a manifest when `manifest` is true. */
export function modernImage(dir: string, image: FixtureImage, options: { manifest?: boolean } = {}): ModernImage {
  const withManifest = options.manifest ?? false;
  const layers = image.layers.map(({ stored, diffId, digest }) => {
    const path = join(dir, digestHex(digest));
    writeFileSync(path, stored);
    const promised = withManifest ? { digest, size: stored.length } : {};
    return { diffId, blob: { path, ...promised }, mediaType: withManifest ? 'application/x-layer' : null };
  });
  const raw = Buffer.from(
    JSON.stringify({ config: image.configDigest, layers: image.layers.map(({ digest }) => digest) }),
  );
  return {
    kind: 'modern',
    ref: image.names[0] ?? '#0',
    names: image.names,
    config: image.config,
    configDigest: image.configDigest,
    platform: { os: 'linux', architecture: 'amd64' },
    layers,
    manifest: withManifest ? { raw, mediaType: 'application/x-manifest', digest: sha256Digest(raw) } : null,
    warnings: [],
  };
}

/** The ids of an image's layer images, base first. */
export function layerIds(image: FixtureImage): string[] {
  return chainIds(image.layers.map(({ diffId }) => diffId)).map(digestHex);
}
