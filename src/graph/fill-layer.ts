import { constants } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TarSource } from '../archive/tar-source.ts';
import type { StagedLayer } from '../drivers/driver.ts';
import { engineError } from '../errors/kinds.ts';
import type { Digest } from '../identity/digest.ts';
import type { StagingDir } from '../streams/temp-dir.ts';
import { applyWhole, type WholeLayer } from './apply-whole.ts';
import type { GraphContext, WorkOptions } from './context.ts';

/** The file in an image's staging directory where a thread keeps the packed layer. */
const BLOB_FILE = 'blob';

/** A layer whose tree is complete, and not yet committed. */
export interface FilledLayer {
  tree: StagedLayer;
  meta: StagingDir;
  applied: WholeLayer;
  /** The packed layer in `meta`, when it was to be kept. */
  blob: { path: string; digest: Digest } | null;
}

export interface FillRequest {
  id: string;
  parent: string | null;
  source: TarSource;
  /** The bytes of `source` have to be unpacked. */
  packed: boolean;
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
  const { id, parent } = request;
  const tree = await context.driver.stage(id, parent, {
    parentReady,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  try {
    const kept = request.keepBlob ? join(meta.path, BLOB_FILE) : null;
    const clone = kept === null ? null : await cloneOf(request.source, kept);
    const { dir } = tree.mount;
    const applied = await applyWhole(
      context.pool,
      {
        source: clone ?? request.source,
        target: parentReady ? tree.mount : { style: 'overlay', dir, lowers: null },
        meta: meta.path,
        bytes: { keepBlob: clone === null ? kept : null, expected: request.expected },
        limits: context.limits,
      },
      { packed: request.packed, ...options, job: id },
    );
    if (applied !== null) {
      return { tree, meta, applied, blob: kept === null ? null : { path: kept, digest: applied.blob.digest } };
    }
    await tree.discard();
    return null;
  } catch (error) {
    await tree.discard();
    throw error;
  }
}

/**
 * A whole file as a clone that shares its blocks, where the file system can: the layer is then read from the clone, so
 * that what is kept is what was verified. Null where it cannot, and for a range of a file.
 */
async function cloneOf(source: TarSource, to: string): Promise<TarSource | null> {
  if (source.from !== 'blob' || source.blob.offset !== undefined || source.blob.length !== undefined) return null;
  try {
    await copyFile(source.blob.path, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE_FORCE);
    return { from: 'blob', blob: { ...source.blob, path: to } };
  } catch {
    return null;
  }
}

export async function discardLayer({ tree, meta }: Pick<FilledLayer, 'tree' | 'meta'>): Promise<void> {
  await tree.discard();
  await meta.remove();
}
