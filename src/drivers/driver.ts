import type { LayerMount } from '../archive/layer-mount.ts';
import type { TaskPool } from '../tasks/task-pool.ts';

/** What a driver is opened with. */
export interface DriverContext {
  /** The driver's own directory, `<root>/<driver name>`; made when it is missing and the store is writable. */
  home: string;
  /** Does the copying of trees. */
  pool: TaskPool;
  readOnly: boolean;
}

/**
 * Decides where a layer's directory is and how it stacks on its parent. Ids are checked before they come here (64
 * lower-case hex). Anything that passes `driverSuite` of `layermill/driver-suite` can be given to `Graph.open`.
 */
export interface Driver {
  readonly name: string;

  /** True when the layer was committed and its directory is there. */
  exists(id: string): Promise<boolean>;

  /**
   * Starts a layer in a staging directory of its own, stacked on `parent` (null for a base). Nothing is visible until
   * `commit`. Throws LAYER_NOT_FOUND for a parent that is not there, CANCELLED when the signal aborts.
   */
  stage(id: string, parent: string | null, options?: StageOptions): Promise<StagedLayer>;

  /** Whether `stage` can start before the parent is committed. */
  readonly appliesInAnyOrder: boolean;

  /**
   * Where a committed layer's files are. Its parent must be named, because not every driver knows it (Docker's vfs
   * keeps trees only). Throws LAYER_NOT_FOUND, for the parent too.
   */
  mount(id: string, parent: string | null): Promise<LayerMount>;

  /** A layer whose tree equals its parent's (an image without changes of its own); cheap. */
  stageEmpty(id: string, parent: string | null): Promise<StagedLayer>;

  /**
   * The whole file tree of a layer as a directory, mounted if the driver must (as root), counted per id.
   * Throws DRIVER_MOUNT_UNAVAILABLE, naming `unpack`, where mounting is not possible.
   */
  get(id: string): Promise<string>;
  /** Gives back one `get`; the last one unmounts. */
  put(id: string): Promise<void>;

  /** Removes a layer; one that is not there is no error. */
  remove(id: string): Promise<void>;
  /** Every committed layer's id. */
  list(): AsyncIterable<string>;
  /** Removes staging directories that nobody holds a lock on. */
  sweep(): Promise<void>;

  /** Facts for people, as `docker info` shows them. */
  status(): [key: string, value: string][];
  /** Unmounts what is still mounted. */
  close(): Promise<void>;
}

export interface StageOptions {
  /**
   * False when the parent is not committed yet: a driver that needs its tree (vfs) refuses with LAYER_NOT_FOUND; one
   * that does not answers a mount with no lowers.
   */
  parentReady?: boolean;
  signal?: AbortSignal;
}

/** A layer being filled. Exactly one of `commit` and `discard` ends it. */
export interface StagedLayer {
  readonly mount: LayerMount;
  /** Renames the directory into place. Durable only after the caller's barrier. */
  commit(): Promise<void>;
  /** Removes the staging directory; also after a failed commit. Calling it twice is no error. */
  discard(): Promise<void>;
}
