import { chainIds, digestHex } from '../identity/digest.ts';
import type { ModernImage, SourceLayer } from '../image/image-source.ts';
import { onAbort, throwIfAborted } from '../streams/abort.ts';
import { StageSum } from '../tasks/stage-times.ts';
import type { TaskProgress } from '../tasks/task-cell.ts';
import { addHead } from './add-head.ts';
import { type GraphContext, refuseReadOnly, type WorkOptions } from './context.ts';
import { discardLayer, type FilledLayer, fillLayer } from './fill-layer.ts';
import { keptWith } from './kept-blob.ts';
import { infoOfLayer } from './layer-file.ts';
import { prepareLayer } from './layer-input.ts';
import { openLayerSpool } from './layer-spool.ts';
import { type LayerWorks, LayerWork } from './layer-work.ts';
import { removeUnneeded } from './remove.ts';
import { type ChainLink, requireSameLayer } from './same-layer.ts';

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
interface Step extends ChainLink {
  layer: SourceLayer;
  /** Null when the layer is in the store already. */
  work: LayerWork | null;
  /** Whether we make it, and not another import. */
  own: boolean;
  counters: TaskProgress;
}

/** What an import brought so far, over its attempts. */
interface Tally {
  /** Layers that were not in the store when we came; they go again if we fail and nothing else needs them. */
  missing: Set<string>;
  own: Set<string>;
  bytes: number;
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
  const head = digestHex(image.configDigest);
  const chain = chainOf(image);
  const tally: Tally = { missing: new Set(), own: new Set(), bytes: 0 };
  const releases = [head, ...chain.map(({ id }) => id)].map((id) => context.retained.retain(id));
  const releaseAll = (): void => releases.forEach((release) => release());
  try {
    await addWithHelp(context, works, { image, chain, tally }, options);
  } catch (error) {
    releaseAll();
    // What cannot be removed now has no head: it is nobody's image, and a later import may use it.
    const missing = chain.map(({ id }) => id).filter((id) => tally.missing.has(id));
    await removeUnneeded(context, missing).catch(() => {});
    throw error;
  }
  releaseAll();
  const registered = tally.own.size;
  return { id: head, layers: chain.length, registered, reused: chain.length - registered, bytes: tally.bytes };
}

interface Addition {
  image: ModernImage;
  chain: (ChainLink & { layer: SourceLayer })[];
  tally: Tally;
}

function chainOf({ layers }: ModernImage): Addition['chain'] {
  const ids = chainIds(layers.map((layer) => layer.diffId)).map(digestHex);
  return layers.map((layer, index) => ({
    id: ids[index]!,
    parent: ids[index - 1] ?? null,
    diffId: layer.diffId,
    layer,
  }));
}

/** Others may be making layers that we need. When they fail it is no fault of ours: we begin again with our own bytes. */
async function addWithHelp(
  context: GraphContext,
  works: LayerWorks,
  addition: Addition,
  options: AddImageOptions,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const failure = await tryToAdd(context, works, addition, options);
    if (failure === null) return;
    if (attempt === ATTEMPTS) throw failure.reason;
  }
}

/** Null when the image was added; the failure when it was another import's. */
async function tryToAdd(
  context: GraphContext,
  works: LayerWorks,
  { image, chain, tally }: Addition,
  given: AddImageOptions,
): Promise<{ reason: unknown } | null> {
  const giveUp = new AbortController();
  const deafen = onAbort(given.signal, () => giveUp.abort(given.signal?.reason));
  const options = { ...given, signal: giveUp.signal };
  const steps: Step[] = [];
  try {
    const present = await presentLayers(context, chain, options);
    // All in one turn, base first: of two imports the one that came first makes what they share.
    for (const link of chain) steps.push(claim(context, works, steps, link, present, tally, options));
    // The largest takes longest, so it gets a thread first.
    const own = steps.filter((step) => step.own).toSorted((a, b) => sizeOf(b) - sizeOf(a));
    for (const { work } of own) work?.start();
    const failed = await firstFailure(steps, giveUp);
    if (failed !== null) {
      if (failed.step.own || given.signal?.aborted === true) throw failed.reason;
      return failed;
    }
    throwIfAborted(given.signal);
    await commitAll(steps);
    await addHead(context, image, steps, options);
    return null;
  } finally {
    giveUp.abort();
    deafen();
    for (const { counters } of steps) tally.bytes += counters.bytesIn;
    await Promise.all(steps.map(async ({ work }) => work?.release()));
  }
}

/** The layers that the store has already, each proven to be the one that it is taken for. */
async function presentLayers(
  context: GraphContext,
  chain: Addition['chain'],
  options: WorkOptions,
): Promise<Set<string>> {
  await context.family.refresh();
  const missing = chain.findIndex(({ id }) => context.family.image(id) === undefined);
  const present = missing === -1 ? [...chain] : chain.slice(0, missing);
  // Those below the top one stay with it. One that is just going is made again.
  while (present.length > 0 && !context.retained.hold(present.at(-1)!.id)) present.pop();
  for (const link of present) await requireSameLayer(context, link, options);
  return new Set(present.map(({ id }) => id));
}

/** Takes a layer as it is, joins whoever is making it, or says that we do. */
function claim(
  context: GraphContext,
  works: LayerWorks,
  steps: readonly Step[],
  link: Addition['chain'][number],
  present: ReadonlySet<string>,
  tally: Tally,
  options: AddImageOptions,
): Step {
  const step: Step = { ...link, work: null, own: false, counters: sumOf([]) };
  if (present.has(step.id)) return step;
  tally.missing.add(step.id);
  const running = works.get(step.id);
  if (running !== undefined) return { ...step, work: running.retain() };
  tally.own.add(step.id);
  step.own = true;
  const parent = steps.at(-1)?.work ?? null;
  const onProgress = (counters: TaskProgress): void => {
    step.counters = counters;
    options.onProgress?.(sumOf(steps));
  };
  step.work = new LayerWork(works, context, link, parent, () =>
    makeLayer(context, step, parent, { ...options, onProgress }),
  );
  return step;
}

async function makeLayer(
  context: GraphContext,
  step: Step,
  below: LayerWork | null,
  options: AddImageOptions,
): Promise<FilledLayer> {
  const spool = await openLayerSpool(context);
  try {
    const { source, compression } = await prepareLayer(context, step.layer.blob, spool, options);
    const packed = compression === 'gzip' || compression === 'zstd';
    const filled = await fillLayer(
      context,
      {
        id: step.id,
        parent: step.parent,
        source,
        packed,
        expected: { diffId: step.diffId },
        keepBlob: packed && options.blobs === 'keep',
        // A driver that stacks on the finished tree of the parent makes it true early; it goes again if this fails.
        parentReady: below === null ? null : () => (spool.share.stepAside(), below.commit()),
      },
      options,
    );
    await writeMetadata(context, step, filled);
    return filled;
  } finally {
    await spool.remove();
  }
}

async function writeMetadata(context: GraphContext, { layer }: Step, filled: FilledLayer): Promise<void> {
  const { applied } = filled;
  const blob = keptWith(filled, layer.mediaType);
  try {
    const info = { ...infoOfLayer(applied), ...(blob === undefined ? {} : { blob }) };
    await context.store.write(filled.meta.path, { size: applied.size, info });
  } catch (error) {
    await discardLayer(filled);
    throw error;
  }
}

/** Waits for all layers. The first failure stops the others; it is the one that is answered. */
async function firstFailure(steps: Step[], giveUp: AbortController): Promise<{ step: Step; reason: unknown } | null> {
  let first: { step: Step; reason: unknown } | null = null;
  await Promise.all(
    steps.map(async (step) =>
      step.work?.filled.catch((reason: unknown) => {
        first ??= { step, reason };
        giveUp.abort();
      }),
    ),
  );
  return first;
}

/** All are asked before any is awaited: base first into one group of commits. */
async function commitAll(steps: readonly Step[]): Promise<void> {
  const outcomes = await Promise.allSettled(steps.map(async ({ work }) => work?.commit()));
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

/** Bytes of the layer as it is stored, where the source knew. */
function sizeOf({ layer: { blob } }: Step): number {
  return ('length' in blob ? blob.length : undefined) ?? blob.size ?? 0;
}

function sumOf(steps: readonly Step[]): TaskProgress {
  const sum = { bytesIn: 0, bytesOut: 0, entries: 0 };
  const times = new StageSum();
  for (const { counters } of steps) {
    times.task()(counters);
    sum.bytesIn += counters.bytesIn;
    sum.bytesOut += counters.bytesOut;
    sum.entries += counters.entries;
  }
  return { ...sum, stages: times.total };
}
