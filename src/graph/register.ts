import { engineError, hasCode } from '../errors/kinds.ts';
import type { Digest } from '../identity/digest.ts';
import { validateImageId } from '../identity/image-id.ts';
import { emptyV1Image, encodeImageJson, type V1Image } from '../image/v1-compat.ts';
import { abandonSource } from '../streams/spool.ts';
import { Readable } from 'node:stream';
import { type GraphContext, refuseReadOnly, type WorkOptions } from './context.ts';
import { discardLayer, fillLayer } from './fill-layer.ts';
import type { Image } from './image.ts';
import { decodeChecked } from './image-store.ts';
import { knownDiffId } from './known-diff-id.ts';
import { type LayerInput, prepareLayer } from './layer-input.ts';

export interface RegisterOptions extends WorkOptions {
  /** The JSON of the image, stored byte for byte; without it the image is written as Docker 0.11 writes its own. */
  json?: Buffer | undefined;
}

/**
 * Registers an image with its layer. One that is there already is left alone: the same image again is no error, another
 * one under its id is IMAGE_ID_TAKEN. Throws INVALID_ID, PARENT_NOT_FOUND, PARENT_IS_SELF before any work.
 */
export async function register(
  context: GraphContext,
  given: Partial<V1Image> & { id: string },
  layer: LayerInput,
  options: RegisterOptions = {},
): Promise<{ image: Image; reused: boolean }> {
  try {
    refuseReadOnly(context);
    validateImageId(given.id);
    const described = options.json === undefined ? null : decodeChecked(options.json);
    const image: V1Image = described ?? { ...emptyV1Image(given.id), ...given };
    checkFamily(context, given.id, image);
    return await context.ids.run(image.id, () => registerAlone(context, image, layer, options), options.signal);
  } catch (error) {
    // Whoever writes the stream must not wait for a reader that never comes.
    if (layer instanceof Readable && !layer.destroyed) abandonSource(layer);
    throw error;
  }
}

function checkFamily(context: GraphContext, id: string, image: V1Image): void {
  if (image.id !== id) {
    throw engineError('CHAIN_INVALID', `the JSON of image ${id} says it is ${image.id}`, { id });
  }
  if (image.parent === '') return;
  validateImageId(image.parent);
  if (image.parent === id) throw engineError('PARENT_IS_SELF', `image ${id} says it is its own parent`, { id });
  context.family.refresh();
  if (!context.family.has(image.parent)) {
    const message = `image ${id} needs its parent ${image.parent}, which is not in the store; register that first`;
    throw engineError('PARENT_NOT_FOUND', message, { id, parent: image.parent });
  }
}

async function registerAlone(
  context: GraphContext,
  image: V1Image,
  layer: LayerInput,
  options: RegisterOptions,
): Promise<{ image: Image; reused: boolean }> {
  const spool = await context.store.stage();
  try {
    const prepared = await prepareLayer(context, layer, spool.path, options);
    context.family.refresh();
    if (context.family.has(image.id)) return await proveEqual(context, image, prepared.source, options);
    return { image: await registerNew(context, image, layer, prepared.source, options), reused: false };
  } finally {
    await spool.remove();
  }
}

async function registerNew(
  context: GraphContext,
  image: V1Image,
  layer: LayerInput,
  source: Parameters<typeof fillLayer>[1]['source'],
  options: RegisterOptions,
): Promise<Image> {
  const parent = image.parent === '' ? null : image.parent;
  await removeLeftOver(context, image.id);
  const filled = await fillLayer(
    context,
    { id: image.id, parent, source, expected: {}, keepBlob: false, parentReady: null },
    options,
  );
  try {
    const size = await sizeOf(context, filled, layer);
    const { diffId, tarSize, entries } = filled.applied;
    const complete = { ...image, size };
    await context.store.write(filled.meta.path, {
      json: options.json ?? encodeImageJson(complete),
      size,
      info: { format: 1, diffId, tarSize, entries },
    });
    await context.commits.commit({ id: image.id, tree: filled.tree, meta: filled.meta, blobs: [] });
    return complete;
  } catch (error) {
    await discardLayer(filled);
    throw error;
  }
}

/** As the graph package counts: the whole tree of a base, what changed in it for a child, nothing without a layer. */
async function sizeOf(
  context: GraphContext,
  filled: Awaited<ReturnType<typeof fillLayer>>,
  layer: LayerInput,
): Promise<number> {
  if (layer === null) return 0;
  if (filled.tree.mount.style === 'overlay') return filled.applied.size;
  return (await context.pool.run('layer.size', { mount: filled.tree.mount })).size;
}

/** A tree without metadata was left by a commit that did not end. */
async function removeLeftOver(context: GraphContext, id: string): Promise<void> {
  if (!(await context.driver.exists(id))) return;
  await context.lock.exclusive(async () => {
    context.family.refresh();
    if (!context.family.has(id)) await context.driver.remove(id);
  });
}

/** The id may be used again only for the same image: the same layer, parent and JSON. */
async function proveEqual(
  context: GraphContext,
  image: V1Image,
  source: Parameters<typeof fillLayer>[1]['source'],
  options: RegisterOptions,
): Promise<{ image: Image; reused: boolean }> {
  const existing = context.family.image(image.id)!;
  if (existing.parent !== image.parent) throw taken(image.id, 'it has another parent');
  if (options.json !== undefined && !(await context.store.rawJson(image.id)).equals(options.json)) {
    throw taken(image.id, 'its JSON is different');
  }
  const known = await knownDiffId(context, image.id, options);
  await checkSame(context, image.id, known, source, options);
  return { image: existing, reused: true };
}

async function checkSame(
  context: GraphContext,
  id: string,
  known: Digest,
  source: Parameters<typeof fillLayer>[1]['source'],
  options: RegisterOptions,
): Promise<void> {
  try {
    await context.pool.run(
      'layer.digest',
      { source, expected: { diffId: known }, limits: context.limits },
      { ...options, job: id },
    );
  } catch (error) {
    if (hasCode(error, 'DIFF_ID_MISMATCH')) throw taken(id, 'its layer is different', error);
    throw error;
  }
}

function taken(id: string, reason: string, cause?: unknown): Error {
  const message = `the id ${id} is taken by an image that is not the same: ${reason}; it was left as it is`;
  return engineError('IMAGE_ID_TAKEN', message, { id, reason }, cause);
}
