import { engineError, hasCode } from '../errors/kinds.ts';
import { chainIds, digestHex } from '../identity/digest.ts';
import { decodeConfig } from '../image/decode-config.ts';
import type { ModernImage, SourceLayer } from '../image/image-source.ts';
import { v1JsonOfHead, v1JsonOfLayer } from '../image/v1-of-modern.ts';
import { throwIfAborted } from '../streams/abort.ts';
import type { TaskCounters } from '../tasks/task-cell.ts';
import { type GraphContext, refuseReadOnly, type WorkOptions } from './context.ts';
import { discardLayer, type FilledLayer, fillLayer } from './fill-layer.ts';
import type { KeptBlob } from './image.ts';
import { keptBlobOf } from './kept-blob.ts';
import { prepareLayer } from './layer-input.ts';
import { type LayerWorks, LayerWork } from './layer-work.ts';
import { removeUnneeded } from './remove.ts';

export interface AddImageOptions extends WorkOptions {
  /** Whether layers that come packed keep their packed bytes. */
  blobs: 'keep' | 'drop';
}

export interface AddedImage {
  id: string;
  layers: number;
  /** Layers that this call brought, and those that were there. */
  registered: number;
  reused: number;
  /** Bytes of layers read, as stored. */
  bytes: number;
}

/** One layer of the image on its way into the store. */
interface Step {
  id: string;
  parent: string | null;
  layer: SourceLayer;
  /** Null when the layer is in the store already. */
  work: LayerWork | null;
  /** Whether we make it, and not another import. */
  own: boolean;
  counters: TaskCounters;
}

/** How often a failure in the work of another import may send us back to our own bytes. */
const ATTEMPTS = 3;

/**
 * Adds a content-addressed image: a layer image for each layer, named by its ChainID, and a head, named by the digest of
 * the config. Layers are made in staging side by side; only when all of them are good does the image become visible, the
 * head last. When one is not, nothing that this call made stays, unless another image needs it.
 */
export async function addImage(
  context: GraphContext,
  works: LayerWorks,
  image: ModernImage,
  options: AddImageOptions,
): Promise<AddedImage> {
  refuseReadOnly(context);
  for (let attempt = 1; ; attempt++) {
    const outcome = await tryToAdd(context, works, image, options);
    if (!('foreignFailure' in outcome)) return outcome;
    if (attempt === ATTEMPTS) throw outcome.foreignFailure;
  }
}

async function tryToAdd(
  context: GraphContext,
  works: LayerWorks,
  image: ModernImage,
  given: AddImageOptions,
): Promise<AddedImage | { foreignFailure: unknown }> {
  const giveUp = new AbortController();
  const signal = given.signal === undefined ? giveUp.signal : AbortSignal.any([given.signal, giveUp.signal]);
  const options = { ...given, signal };
  const ids = chainIds(image.layers.map((layer) => layer.diffId)).map(digestHex);
  const releases = ids.map((id) => context.retained.retain(id));
  context.family.refresh();
  const steps: Step[] = [];
  try {
    for (const [index, layer] of image.layers.entries()) {
      const counters = { bytesIn: 0, bytesOut: 0, entries: 0 };
      const step: Step = { id: ids[index]!, parent: ids[index - 1] ?? null, layer, work: null, own: false, counters };
      steps.push(step);
      claim(context, works, steps, options);
    }
    const failed = await firstFailure(steps, giveUp);
    if (failed !== null) {
      if (!failed.step.own && given.signal?.aborted !== true) return { foreignFailure: failed.reason };
      throw failed.reason;
    }
    throwIfAborted(given.signal);
    const kept = await Promise.all(steps.map((step) => keptBlobOf(context, step.layer, step.work, options)));
    // All are asked before any is awaited: base first into one group of commits.
    await Promise.all(steps.flatMap((step) => step.work?.commit() ?? []));
    await addHead(context, image, steps.at(-1)?.id ?? null, kept, options);
    return summary(image, steps);
  } catch (error) {
    giveUp.abort();
    await Promise.all(steps.flatMap((step) => step.work?.release() ?? []));
    for (const release of releases) release();
    await removeUnneeded(
      context,
      steps.filter((step) => step.own).map((step) => step.id),
    );
    steps.length = 0;
    throw error;
  } finally {
    await Promise.all(steps.flatMap((step) => step.work?.release() ?? []));
    for (const release of releases) release();
  }
}

function summary(image: ModernImage, steps: Step[]): AddedImage {
  const registered = steps.filter((step) => step.own).length;
  return {
    id: digestHex(image.configDigest),
    layers: steps.length,
    registered,
    reused: steps.length - registered,
    bytes: steps.reduce((sum, step) => sum + step.counters.bytesIn, 0),
  };
}

/** Takes the last step's layer as it is, joins whoever is making it, or begins to make it. */
function claim(context: GraphContext, works: LayerWorks, steps: Step[], options: AddImageOptions): void {
  const step = steps.at(-1)!;
  if (context.family.has(step.id)) return;
  const running = works.get(step.id);
  if (running !== undefined) {
    step.work = running.retain();
    return;
  }
  const below = steps.at(-2)?.work ?? null;
  step.own = true;
  step.work = new LayerWork(works, context, step.id, below, () =>
    makeLayer(context, step, below, {
      ...options,
      onProgress: (counters) => {
        step.counters = counters;
        options.onProgress?.(sumOf(steps));
      },
    }),
  );
}

async function makeLayer(
  context: GraphContext,
  step: Step,
  below: LayerWork | null,
  options: AddImageOptions,
): Promise<FilledLayer> {
  const spool = await context.store.stage();
  try {
    const { source, compression } = await prepareLayer(context, step.layer.blob, spool.path, options);
    const packed = compression === 'gzip' || compression === 'zstd';
    const filled = await fillLayer(
      context,
      {
        id: step.id,
        parent: step.parent,
        source,
        expected: { diffId: step.layer.diffId },
        keepBlob: packed && options.blobs === 'keep',
        // A driver that stacks on the finished tree of the parent makes it true early; it goes again if this fails.
        parentReady: below === null ? null : () => below.commit(),
      },
      options,
    );
    await writeMetadata(context, step, filled);
    return filled;
  } finally {
    await spool.remove();
  }
}

async function writeMetadata(context: GraphContext, step: Step, filled: FilledLayer): Promise<void> {
  const { size, diffId, tarSize, entries } = filled.applied;
  const json = v1JsonOfLayer(step.id, step.parent);
  try {
    await context.store.write(filled.meta.path, { json, size, info: { format: 1, diffId, tarSize, entries } });
  } catch (error) {
    await discardLayer(filled);
    throw error;
  }
}

/** Waits for all layers. At the first that fails the others are stopped; answers the lowest that failed by itself. */
async function firstFailure(steps: Step[], giveUp: AbortController): Promise<{ step: Step; reason: unknown } | null> {
  const outcomes = await Promise.allSettled(
    steps.map(async (step) => {
      try {
        await step.work?.filled;
      } catch (error) {
        giveUp.abort();
        throw error;
      }
    }),
  );
  const failures = outcomes.flatMap((outcome, index) =>
    outcome.status === 'rejected' ? [{ step: steps[index]!, reason: outcome.reason as unknown }] : [],
  );
  return failures.find(({ reason }) => !hasCode(reason, 'CANCELLED')) ?? failures[0] ?? null;
}

async function addHead(
  context: GraphContext,
  image: ModernImage,
  parent: string | null,
  blobs: (KeptBlob | null)[],
  options: AddImageOptions,
): Promise<void> {
  const id = digestHex(image.configDigest);
  await context.ids.run(
    id,
    async () => {
      context.family.refresh();
      if (context.family.has(id)) await checkHead(context, image, id, parent);
      else await commitHead(context, image, id, parent, blobs);
    },
    options.signal,
  );
}

async function commitHead(
  context: GraphContext,
  image: ModernImage,
  id: string,
  parent: string | null,
  blobs: (KeptBlob | null)[],
): Promise<void> {
  const tree = await context.driver.stageEmpty(id, parent);
  const meta = await context.store.stage();
  const { manifest } = image;
  try {
    await context.store.write(meta.path, {
      json: v1JsonOfHead(decodeConfig(image.config), id, parent),
      size: 0,
      info: {
        format: 1,
        diffId: null,
        tarSize: 0,
        entries: 0,
        blobs,
        ...(manifest === null ? {} : { manifest: { mediaType: manifest.mediaType, digest: manifest.digest } }),
      },
      config: image.config,
      ...(manifest === null ? {} : { manifest: manifest.raw }),
    });
    await context.commits.commit({ id, tree, meta, blobs: [] });
  } catch (error) {
    await tree.discard();
    await meta.remove();
    throw error;
  }
}

/** The id is the digest of the config, so only a planted image can differ. */
async function checkHead(context: GraphContext, image: ModernImage, id: string, parent: string | null): Promise<void> {
  const config = await context.store.config(id);
  if (config?.equals(image.config) === true && context.family.image(id)?.parent === (parent ?? '')) return;
  const reason = 'its config or its layers differ';
  const message = `the id ${id} is taken by an image that is not the same: ${reason}; it was left as it is`;
  throw engineError('IMAGE_ID_TAKEN', message, { id, reason });
}

function sumOf(steps: Step[]): TaskCounters {
  const sum = { bytesIn: 0, bytesOut: 0, entries: 0 };
  for (const { counters } of steps) {
    sum.bytesIn += counters.bytesIn;
    sum.bytesOut += counters.bytesOut;
    sum.entries += counters.entries;
  }
  return sum;
}
