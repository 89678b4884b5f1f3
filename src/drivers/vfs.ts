import { chmod, mkdir } from 'node:fs/promises';
import type { LayerMount } from '../archive/layer-mount.ts';
import { validateImageId } from '../identity/image-id.ts';
import { throwIfAborted } from '../streams/abort.ts';
import { openSystem } from '../system/select.ts';
import type { TaskPool } from '../tasks/task-pool.ts';
import type { Driver, DriverContext, StageOptions, StagedLayer } from './driver.ts';
import { ROOT_MODE, isDirectory, layerIdsIn, layerNotFound, moveIntoPlace, refuseReadOnly } from './layer-directory.ts';
import { StagingArea } from './staging.ts';

/**
 * Docker's vfs: `<home>/dir/<id>` is the whole file system up to a layer. A layer starts as a clone of its parent's
 * tree, where files are shared by hard links.
 */
export async function openVfs(context: DriverContext): Promise<Driver> {
  const driver = new Vfs(context);
  if (!context.readOnly) await mkdir(driver.directory, { recursive: true, mode: 0o700 });
  return driver;
}

class Vfs implements Driver {
  readonly name = 'vfs';
  readonly appliesInAnyOrder = false;
  readonly directory: string;
  readonly #home: string;
  readonly #pool: TaskPool;
  readonly #readOnly: boolean;
  readonly #staging: StagingArea;

  constructor({ home, pool, readOnly }: DriverContext) {
    this.#home = home;
    this.#pool = pool;
    this.#readOnly = readOnly;
    this.directory = `${home}/dir`;
    this.#staging = new StagingArea(`${home}/tmp`, openSystem());
  }

  exists(id: string): Promise<boolean> {
    return isDirectory(this.#path(id));
  }

  async stage(id: string, parent: string | null, options: StageOptions = {}): Promise<StagedLayer> {
    refuseReadOnly(this.#readOnly, this.#home);
    throwIfAborted(options.signal);
    const target = this.#path(id);
    const below = parent === null ? null : await this.#existing(parent);
    return this.#staging.begin({
      fill: (dir) => this.#fill(dir, below, options.signal),
      mount: (dir) => ({ style: 'full', dir, lowers: below === null ? [] : [below] }),
      commit: async (dir) => moveIntoPlace(dir, target),
    });
  }

  stageEmpty(id: string, parent: string | null): Promise<StagedLayer> {
    return this.stage(id, parent);
  }

  async mount(id: string, parent: string | null): Promise<LayerMount> {
    const dir = await this.#existing(id);
    return { style: 'full', dir, lowers: parent === null ? [] : [await this.#existing(parent)] };
  }

  get(id: string): Promise<string> {
    return this.#existing(id);
  }

  put(_id: string): Promise<void> {
    return Promise.resolve();
  }

  async remove(id: string): Promise<void> {
    refuseReadOnly(this.#readOnly, this.#home);
    const path = this.#path(id);
    if (await isDirectory(path)) await this.#staging.remove(path);
  }

  list(): AsyncIterable<string> {
    return layerIdsIn(this.directory);
  }

  async sweep(): Promise<void> {
    refuseReadOnly(this.#readOnly, this.#home);
    await this.#staging.sweep();
  }

  status(): [key: string, value: string][] {
    return [['Root Dir', this.#home]];
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async #fill(dir: string, below: string | null, signal: AbortSignal | undefined): Promise<void> {
    await chmod(dir, ROOT_MODE);
    if (below !== null) await this.#pool.run('tree.clone', { from: below, to: dir }, { signal });
  }

  async #existing(id: string): Promise<string> {
    const path = this.#path(id);
    if (await isDirectory(path)) return path;
    throw layerNotFound(this.name, id);
  }

  #path(id: string): string {
    return `${this.directory}/${validateImageId(id)}`;
  }
}
