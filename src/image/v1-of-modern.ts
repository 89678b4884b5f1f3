import { chainIds, digestHex, sha256Digest } from '../identity/digest.ts';
import type { V1Link } from './image-sink.ts';
import { type V1Image, decodeV1Config, emptyV1Image, encodeImageJson } from './v1-compat.ts';
import { emptyV1Config, type V1Config } from './v1-config.ts';
import type { ImageConfig } from './image-config.ts';

const EPOCH = '1970-01-01T00:00:00Z';

/**
 * The v1 JSON of one layer of a content-addressed image: a function of the chain only, so that it has the same bytes
 * whichever image brings the layer.
 */
export function v1JsonOfLayer(id: string, parent: string | null): Buffer {
  return encodeImageJson({ ...emptyV1Image(id), parent: parent ?? '', created: EPOCH });
}

/**
 * A content-addressed image as Docker before 1.10 kept images, base first. There an image's config is in its top layer. So
 * the image is one with its top layer, under an id of its own: whoever imports that must not find the id of the real image
 * taken by something that lacks its config.
 */
export function v1ChainOfModern(config: ImageConfig): V1Link[] {
  const ids = chainIds(config.diffIds).map(digestHex);
  const below = ids.slice(0, -1).map((id, index) => ({
    id,
    json: v1JsonOfLayer(id, ids[index - 1] ?? null),
    empty: false,
  }));
  const id = digestHex(sha256Digest(v1JsonOfHead(config, digestHex(config.digest), ids.at(-1) ?? null)));
  return [...below, { id, json: v1JsonOfHead(config, id, below.at(-1)?.id ?? null), empty: ids.length === 0 }];
}

/** The v1 JSON of a content-addressed image: what of its config Docker 0.11 has a place for. */
export function v1JsonOfHead(config: ImageConfig, id: string, parent: string | null): Buffer {
  const image: V1Image = {
    ...emptyV1Image(id),
    parent: parent ?? '',
    comment: config.comment ?? config.history.at(-1)?.comment ?? '',
    created: config.created ?? EPOCH,
    dockerVersion: config.dockerVersion ?? '',
    author: config.author ?? '',
    config: runConfig(config.config),
    architecture: config.platform?.architecture ?? '',
    os: config.platform?.os ?? '',
  };
  return encodeImageJson(image);
}

/** The config is kept byte for byte beside; a field that is not what Docker 0.11 expects there is left out of the v1 form. */
function runConfig(value: unknown): V1Config | null {
  if (typeof value !== 'object' || value === null) return null;
  const config: V1Config = emptyV1Config();
  for (const [key, member] of Object.entries(value)) {
    try {
      Object.assign(config, pickSet(decodeV1Config({ [key]: member }), key));
    } catch {
      continue;
    }
  }
  return config;
}

function pickSet(config: V1Config | null, key: string): Partial<V1Config> {
  const own = Object.keys(config ?? {}).find((name) => name.toLowerCase() === key.toLowerCase());
  return own === undefined || config === null ? {} : { [own]: config[own as keyof V1Config] };
}
