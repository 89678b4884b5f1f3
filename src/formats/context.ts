import type { Readable, Writable } from 'node:stream';
import type { LayerLimits } from '../archive/limits.ts';
import type { DocumentLimits } from '../image/document-limits.ts';
import type { Platform } from '../image/image-source.ts';
import type { SpoolBudget } from '../streams/spool-budget.ts';
import type { System } from '../system/system.ts';
import type { BlobHomes } from './distribution/blob-homes.ts';
import type { Registries, RegistryOptions } from './distribution/registry.ts';
import type { TaskPool } from '../tasks/task-pool.ts';

/** What every source and sink is opened with. */
export interface FormatContext {
  pool: TaskPool;
  system: System;
  /** Spools are made below this directory. */
  tempDir: string;
  limits: LayerLimits;
  /** Bounds the spools, with others who make such files. Without it they are not bounded. */
  spool?: SpoolBudget | undefined;
  documents?: DocumentLimits | undefined;
  signal?: AbortSignal | undefined;
  /** Only these members of indexes are read; all of them by default. */
  platforms?: readonly Platform[] | undefined;
  /** Sources also give what refers to their images; by default they do not look for it. */
  referrers?: boolean | undefined;
  /**
   * Nothing is to be made of the images, and all that is wrong with them is asked for: a layer that is missing or has another
   * length is a blob that says so, and an image without a config that can be read a broken one with its blobs. By default
   * the first thing that is wrong is the error of the image.
   */
  allFaults?: boolean | undefined;
  /** The registries of this side of a run; without it one is opened by the first source or sink that needs it. */
  registries?: Registries | undefined;
  /** Where in their registries blobs of this run have been put, so that other repositories take them over from there. */
  homes?: BlobHomes | undefined;
  /** How they are spoken to, when one is opened. */
  registry?: RegistryOptions | undefined;
  /** Where `-` is read from and written to; the process's own by default. */
  stdin?: Readable | undefined;
  stdout?: (Writable & { isTTY?: boolean | undefined }) | undefined;
}
