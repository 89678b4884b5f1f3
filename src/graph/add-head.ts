import { digestHex } from '../identity/digest.ts';
import { decodeConfig } from '../image/decode-config.ts';
import type { ModernImage, SourceLayer } from '../image/image-source.ts';
import { v1JsonOfHead } from '../image/v1-of-modern.ts';
import type { GraphContext, WorkOptions } from './context.ts';
import { idTaken } from './id-taken.ts';
import { type PackedLayer, packedLayer } from './kept-blob.ts';

/** Puts the head on top of the image's layers, which are committed: from then on the image is there. */
export async function addHead(
  context: GraphContext,
  image: ModernImage,
  layers: readonly { id: string; layer: SourceLayer }[],
  options: WorkOptions & { blobs: 'keep' | 'drop' },
): Promise<void> {
  const parent = layers.at(-1)?.id ?? null;
  if (await headIsHere(context, image, parent)) return;
  const packed: (PackedLayer | null)[] = [];
  try {
    for (const { id, layer } of layers) {
      packed.push(options.blobs === 'drop' ? null : await packedLayer(context, id, layer, options));
    }
    await commitHead(context, image, parent, packed);
  } finally {
    await Promise.all(packed.map(async (layer) => layer?.staged?.remove()));
  }
}

/** The id is the digest of the config, so only a planted image can differ. Throws IMAGE_ID_TAKEN. */
async function headIsHere(context: GraphContext, image: ModernImage, parent: string | null): Promise<boolean> {
  const id = digestHex(image.configDigest);
  await context.family.refresh();
  const existing = context.family.image(id);
  if (existing === undefined || !context.retained.hold(id)) return false;
  if (existing.parent !== (parent ?? '')) throw idTaken(id, 'it has other layers');
  const config = await context.store.config(id);
  if (config?.equals(image.config) !== true) throw idTaken(id, 'its config is different');
  const info = await context.store.info(id);
  if (info === null || info.diffId !== null) throw idTaken(id, 'it has a layer of its own');
  return true;
}

async function commitHead(
  context: GraphContext,
  image: ModernImage,
  parent: string | null,
  packed: readonly (PackedLayer | null)[],
): Promise<void> {
  const id = digestHex(image.configDigest);
  const { manifest } = image;
  const tree = await context.driver.stageEmpty(id, parent);
  const meta = await context.store.stage();
  let committed = false;
  try {
    const about = manifest === null ? {} : { manifest: { mediaType: manifest.mediaType, digest: manifest.digest } };
    const blobs = packed.map((layer) => layer?.blob ?? null);
    await context.store.write(meta.path, {
      size: 0,
      info: { format: 1, diffId: null, tarSize: 0, entries: 0, blobs, ...about },
      config: image.config,
      ...(manifest === null ? {} : { manifest: manifest.raw }),
    });
    const json = v1JsonOfHead(decodeConfig(image.config), id, parent);
    const staged = packed.flatMap((layer) =>
      layer?.staged ? [{ path: layer.staged.file, digest: layer.blob.digest }] : [],
    );
    const outcome = await context.commits.commit({ id, parent: parent ?? '', json, tree, meta, blobs: staged });
    committed = outcome === 'committed';
    // Whoever was first must have brought the same.
    if (!committed) await headIsHere(context, image, parent);
  } finally {
    if (!committed) {
      await tree.discard();
      await meta.remove();
    }
  }
}
