import { join } from 'node:path';
import type { TarSource } from '../archive/tar-source.ts';
import type { StagedLayer } from '../drivers/driver.ts';
import { engineError } from '../errors/kinds.ts';
import type { Digest } from '../identity/digest.ts';
import type { StagingDir } from '../streams/temp-dir.ts';
import type { AppliedLayer } from '../tasks/task-map.ts';
import type { GraphContext, WorkOptions } from './context.ts';

/** The file in an image's staging directory where a thread keeps the packed layer. */
const BLOB_FILE = 'blob';

/** A layer whose tree is complete, and not yet committed. */
export interface FilledLayer {
  tree: StagedLayer;
  meta: StagingDir;
  applied: AppliedLayer & { status: 'applied' };
  /** The packed layer in `meta`, when it was to be kept. */
  blob: { path: string; digest: Digest } | null;
}

export interface FillRequest {
  id: string;
  parent: string | null;
  source: TarSource;
  expected: { diffId?: Digest };
  keepBlob: boolean;
  /** Makes sure that the parent is committed, which it is already when this is null; a driver that can begins before. */
  parentReady: (() => Promise<void>) | null;
}

/**
 * Fills a layer in staging directories. Where the driver can, it begins before the parent is there, and once more when
 * the layer turns out to need it.
 */
export async function fillLayer(
  context: GraphContext,
  request: FillRequest,
  options: WorkOptions,
): Promise<FilledLayer> {
  const meta = await context.store.stage();
  try {
    const early = request.parentReady !== null && context.driver.appliesInAnyOrder;
    if (!early) await request.parentReady?.();
    const first = await fillOnce(context, request, meta, !early, options);
    if (first !== null) return first;
    await request.parentReady?.();
    const second = await fillOnce(context, request, meta, true, options);
    if (second !== null) return second;
    throw engineError('INTERNAL', `layer ${request.id} still asks for the layers below it`, { where: 'fillLayer' });
  } catch (error) {
    await meta.remove();
    throw error;
  }
}

async function fillOnce(
  context: GraphContext,
  request: FillRequest,
  meta: StagingDir,
  parentReady: boolean,
  options: WorkOptions,
): Promise<FilledLayer | null> {
  const { id, parent, source } = request;
  const tree = await context.driver.stage(id, parent, {
    parentReady,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  try {
    const keepBlob = request.keepBlob ? join(meta.path, BLOB_FILE) : null;
    const { dir } = tree.mount;
    const applied = await context.pool.run(
      'layer.apply',
      {
        source,
        target: parentReady ? tree.mount : { style: 'overlay', dir, lowers: null },
        meta: meta.path,
        keepBlob,
        expected: request.expected,
        limits: context.limits,
      },
      { ...options, job: id },
    );
    if (applied.status === 'applied') {
      const blob = keepBlob === null ? null : { path: keepBlob, digest: applied.blob.digest };
      return { tree, meta, applied, blob };
    }
    await tree.discard();
    return null;
  } catch (error) {
    await tree.discard();
    throw error;
  }
}

export async function discardLayer({ tree, meta }: Pick<FilledLayer, 'tree' | 'meta'>): Promise<void> {
  await tree.discard();
  await meta.remove();
}
