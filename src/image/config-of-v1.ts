import { type Digest, sha256Digest } from '../identity/digest.ts';
import { v1ConfigStruct } from './v1-config.ts';
import type { V1Image } from './v1-compat.ts';

/** One image of a chain, base first. `config` is the raw config of one that is content-addressed already. */
export interface ChainLink {
  image: V1Image;
  /** Null for an image without a layer of its own. */
  diffId: Digest | null;
  config: Buffer | null;
}

interface Config {
  history?: unknown[];
  rootfs?: { diff_ids?: unknown[] };
}

/**
 * The config of an image that was made as a v1 image (OCI image spec, config.md): its run configuration, and a history
 * with a step for each layer. Where its chain stands on a content-addressed image, that one's history comes first.
 */
export function configOfV1(chain: readonly ChainLink[]): { raw: Buffer; digest: Digest } {
  const top = chain.at(-1)!.image;
  const base = chain.findLastIndex((link) => link.config !== null);
  const inherited = base < 0 ? null : (JSON.parse(chain[base]!.config!.toString('utf8')) as Config);
  const steps = chain.slice(base + 1);
  const own = steps.filter((link) => link.diffId !== null);
  const raw = Buffer.from(
    JSON.stringify({
      architecture: top.architecture === '' ? 'amd64' : top.architecture,
      os: top.os === '' ? 'linux' : top.os,
      created: top.created,
      ...(top.author === '' ? {} : { author: top.author }),
      ...(top.config === null ? {} : { config: v1RunConfig(top) }),
      rootfs: { type: 'layers', diff_ids: chain.flatMap((link) => link.diffId ?? []) },
      history: [...(inherited?.history ?? []), ...own.map(({ image }) => historyStep(image))],
    }),
  );
  return { raw, digest: sha256Digest(raw) };
}

function historyStep(image: V1Image): object {
  const createdBy = (image.containerConfig.Cmd ?? []).join(' ');
  return {
    created: image.created,
    ...(image.author === '' ? {} : { author: image.author }),
    ...(createdBy === '' ? {} : { created_by: createdBy }),
    ...(image.comment === '' ? {} : { comment: image.comment }),
  };
}

/** What the OCI image spec knows of a run configuration; the rest was about one machine. */
function v1RunConfig({ config }: V1Image): object {
  const kept = ['User', 'ExposedPorts', 'Env', 'Entrypoint', 'Cmd', 'Volumes', 'WorkingDir'];
  const fields = config === null ? {} : v1ConfigStruct(config);
  const entries = Object.entries(fields).filter(([key, value]) => kept.includes(key) && value !== null && value !== '');
  return Object.fromEntries(
    entries.map(([key, value]) => [key, value instanceof Map ? Object.fromEntries(value) : value]),
  );
}
