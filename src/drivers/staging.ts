import { existsSync, renameSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import type { LayerMount } from '../archive/layer-mount.ts';
import { removeTree } from '../archive/remove-tree.ts';
import { type StagingTools, createStagingDir, sweepStagingDirs } from '../streams/temp-dir.ts';
import type { System } from '../system/system.ts';
import type { StagedLayer } from './driver.ts';

/** How a driver makes a layer; each function gets the staging directory. */
export interface LayerWork {
  /** Makes what is there before the layer's own files. */
  fill(dir: string): Promise<void>;
  mount(dir: string): LayerMount;
  /** Renames the directory into place. */
  commit(dir: string): Promise<void>;
}

/** Where a driver's layers are made and unmade: `<home>/tmp`, a locked directory for each. */
export class StagingArea {
  readonly #path: string;
  readonly #tools: StagingTools;

  constructor(path: string, system: System) {
    this.#path = path;
    this.#tools = {
      flock: (fd, mode) => system.lock(fd, mode),
      removeTree: (tree) => removeTree(system, Buffer.from(tree).toString('latin1')),
    };
  }

  async begin(work: LayerWork): Promise<StagedLayer> {
    const staging = await createStagingDir(this.#path, this.#tools);
    try {
      await work.fill(staging.path);
    } catch (error) {
      await staging.remove();
      throw error;
    }
    return {
      mount: work.mount(staging.path),
      commit: async () => {
        await work.commit(staging.path);
        await staging.remove();
      },
      discard: () => staging.remove(),
    };
  }

  /**
   * Takes a directory away at once, then removes what it held: a layer is there as a whole or not at all. `afterMove`
   * ends what else belonged to it; a crash before that leaves something in this area.
   */
  async remove(path: string, afterMove: () => void = () => {}): Promise<void> {
    const staging = await createStagingDir(this.#path, this.#tools);
    try {
      renameSync(path, staging.path);
      afterMove();
    } finally {
      await staging.remove();
    }
  }

  /** True when nobody works here, and nobody died here. */
  async isEmpty(): Promise<boolean> {
    return !existsSync(this.#path) || (await readdir(this.#path)).length === 0;
  }

  /** Removes what nobody holds the lock of. */
  async sweep(): Promise<void> {
    await sweepStagingDirs(this.#path, this.#tools);
  }
}
