import { requireObject, requireText } from '../errors/arguments.ts';
import { engineError, hasCode } from '../errors/kinds.ts';
import type { TarSource } from '../archive/tar-source.ts';
import { validateImageId } from '../identity/image-id.ts';
import { emptyV1Image, encodeImageJson, type V1Image } from '../image/v1-compat.ts';
import { abandonSource } from '../streams/spool.ts';
import { Readable } from 'node:stream';
import { type GraphContext, refuseReadOnly, type WorkOptions } from './context.ts';
import { discardLayer, type FilledLayer, fillLayer } from './fill-layer.ts';
import { idTaken } from './id-taken.ts';
import type { Image } from './image.ts';
import { decodeChecked } from './image-store.ts';
import { knownDiffId } from './known-diff-id.ts';
import { infoOfLayer } from './layer-file.ts';
import { type LayerInput, prepareLayer, requireLayer } from './layer-input.ts';
import { openLayerSpool } from './layer-spool.ts';

export interface RegisterOptions extends WorkOptions {
  /** The JSON of the image, stored byte for byte; without it the image is written as Docker 0.11 writes its own. */
  json?: Buffer | undefined;
}

/** What register answers; `reused` when the same image was there already. */
export interface Registered {
  image: Image;
  reused: boolean;
}

/** An image to be registered: `json` gives its bytes, once the size of its layer is known. */
interface Registration {
  image: V1Image;
  json: (size: number) => Buffer;
  source: TarSource;
  packed: boolean;
  /** Null was given for the layer. */
  empty: boolean;
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
): Promise<Registered> {
  try {
    refuseReadOnly(context);
    requireObject(given, 'image');
    requireText(given.id, 'image.id');
    requireLayer(layer);
    validateImageId(given.id);
    const { json } = options;
    const image = decodeChecked(json ?? encodeImageJson({ ...emptyV1Image(given.id), ...given }));
    if (image.id !== given.id) throw otherId(given.id, image.id);
    // Nobody removes the parent while we build on it, or the same image while ours is compared with it.
    const releases = [image.id, image.parent].map((id) => context.retained.retain(id));
    try {
      await checkParent(context, image);
      const bytes =
        json === undefined ? (size: number): Buffer => encodeImageJson({ ...image, size }) : (): Buffer => json;
      return await context.ids.run(
        image.id,
        () => registerAlone(context, image, bytes, layer, options),
        options.signal,
      );
    } finally {
      for (const release of releases) release();
    }
  } catch (error) {
    // Whoever writes the stream must not wait for a reader that never comes.
    if (layer instanceof Readable && !layer.destroyed) abandonSource(layer);
    throw error;
  }
}

async function checkParent(context: GraphContext, { id, parent }: V1Image): Promise<void> {
  if (parent === id) throw engineError('PARENT_IS_SELF', `image ${id} says it is its own parent`, { id });
  await context.family.refresh();
  if (parent === '' || (context.family.has(parent) && context.retained.hold(parent))) return;
  const message = `image ${id} needs its parent ${parent}, which is not in the store; register that first`;
  throw engineError('PARENT_NOT_FOUND', message, { id, parent });
}

async function registerAlone(
  context: GraphContext,
  image: V1Image,
  json: Registration['json'],
  layer: LayerInput,
  options: RegisterOptions,
): Promise<Registered> {
  const spool = await openLayerSpool(context);
  try {
    const { source, compression } = await prepareLayer(context, layer, spool, options);
    const registration = { image, json, source, packed: compression !== 'none', empty: layer === null };
    // Another process may register the id while we fill our layer: then ours is looked at as if it had come later.
    for (let attempt = 0; attempt < 2; attempt++) {
      const registered =
        (await proveEqual(context, registration, options)) ?? (await registerNew(context, registration, options));
      if (registered !== null) return registered;
    }
    throw idTaken(image.id, 'it comes and goes while this one is registered');
  } finally {
    await spool.remove();
  }
}

/** Null when an image with this id was there first. */
async function registerNew(
  context: GraphContext,
  registration: Registration,
  options: RegisterOptions,
): Promise<Registered | null> {
  const { image, source, packed } = registration;
  const parent = image.parent === '' ? null : image.parent;
  const request = { id: image.id, parent, source, packed, expected: {}, keepBlob: false, parentReady: null };
  const filled = await fillLayer(context, request, options);
  let committed = false;
  try {
    const size = await sizeOf(context, filled, registration);
    const { tree, meta } = filled;
    await context.store.write(meta.path, { size, info: infoOfLayer(filled.applied) });
    const staged = { id: image.id, parent: image.parent, json: registration.json(size), tree, meta, blobs: [] };
    committed = (await context.commits.commit(staged)) === 'committed';
    return committed ? { image: { ...image, size }, reused: false } : null;
  } finally {
    if (!committed) await discardLayer(filled);
  }
}

/** As the graph package counts: the whole tree of a base, what changed in it for a child, nothing without a layer. */
async function sizeOf(context: GraphContext, filled: FilledLayer, { empty, image }: Registration): Promise<number> {
  if (empty) return 0;
  const { mount } = filled.tree;
  if (mount.style === 'overlay') return filled.applied.size;
  return (await context.pool.run('layer.size', { mount }, { job: image.id })).size;
}

/**
 * The image that has the id, when it is the same: the same parent, JSON and layer. Null when none has it.
 * Throws IMAGE_ID_TAKEN when another one has it.
 */
async function proveEqual(
  context: GraphContext,
  { image, json, source }: Registration,
  options: RegisterOptions,
): Promise<Registered | null> {
  await context.family.refresh();
  const existing = context.family.image(image.id);
  if (existing === undefined || !context.retained.hold(image.id)) return null;
  if (existing.parent !== image.parent) throw idTaken(image.id, 'it has another parent');
  const stored = await context.store.rawJson(image.id);
  if (!stored.equals(json(existing.size))) throw idTaken(image.id, 'its JSON is different');
  const expected = { diffId: await knownDiffId(context, image.id, options) };
  try {
    await context.pool.run('layer.digest', { source, expected, limits: context.limits }, { ...options, job: image.id });
  } catch (error) {
    if (hasCode(error, 'DIFF_ID_MISMATCH')) throw idTaken(image.id, 'its layer is different', error);
    throw error;
  }
  return { image: existing, reused: true };
}

function otherId(id: string, said: string): Error {
  return engineError('CHAIN_INVALID', `the JSON of image ${id} says it is ${said}`, { id });
}
