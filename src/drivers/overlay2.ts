import { chmod, mkdir, readdir } from 'node:fs/promises';
import type { LayerMount } from '../archive/layer-mount.ts';
import { engineError } from '../errors/kinds.ts';
import { validateImageId } from '../identity/image-id.ts';
import { throwIfAborted } from '../streams/abort.ts';
import { openSystem } from '../system/select.ts';
import type { System } from '../system/system.ts';
import type { Driver, DriverContext, StageOptions, StagedLayer } from './driver.ts';
import { ROOT_MODE, isDirectory, layerIdsIn, layerNotFound, moveIntoPlace, refuseReadOnly } from './layer-directory.ts';
import { MergedViews } from './merged-views.ts';
import {
  type OverlayLayer,
  idBehind,
  isDangling,
  makeLink,
  newShortName,
  readOverlayLayer,
  removeLink,
  writeOverlayLayer,
} from './overlay-layer.ts';
import { changedAt, inheritRoot, isRootDescribed } from './overlay-root.ts';
import { StagingArea } from './staging.ts';

/**
 * Docker's overlay2: `<home>/<id>/diff` holds what a layer changes, whiteouts as 0:0 devices, so that layers can be
 * filled in any order; the kernel's overlay file system shows them as one tree.
 */
export async function openOverlay2(context: DriverContext): Promise<Driver> {
  const { home, readOnly } = context;
  if (!readOnly) await mkdir(`${home}/l`, { recursive: true, mode: 0o700 });
  return new Overlay2(home, readOnly, openSystem());
}

class Overlay2 implements Driver {
  readonly name = 'overlay2';
  readonly appliesInAnyOrder = true;
  readonly #home: string;
  readonly #readOnly: boolean;
  readonly #system: System;
  readonly #staging: StagingArea;
  readonly #views: MergedViews;

  constructor(home: string, readOnly: boolean, system: System) {
    this.#home = home;
    this.#readOnly = readOnly;
    this.#system = system;
    this.#staging = new StagingArea(`${home}/tmp`, system);
    this.#views = new MergedViews(home, system);
  }

  exists(id: string): Promise<boolean> {
    return isDirectory(`${this.#path(id)}/diff`);
  }

  async stage(id: string, parent: string | null, options: StageOptions = {}): Promise<StagedLayer> {
    refuseReadOnly(this.#readOnly, this.#home);
    throwIfAborted(options.signal);
    validateImageId(id);
    const below = parent !== null && options.parentReady !== false ? await this.mount(parent) : null;
    const lowers = below === null ? [] : [below.dir, ...below.lowers];
    let madeFrom = 0n;
    return this.#staging.begin({
      fill: async (dir) => {
        await mkdir(`${dir}/diff`);
        await chmod(`${dir}/diff`, ROOT_MODE);
        madeFrom = changedAt(`${dir}/diff`);
      },
      mount: (dir) => ({ style: 'overlay', dir: `${dir}/diff`, lowers }),
      commit: (dir) => this.#commit(id, parent, dir, madeFrom),
    });
  }

  stageEmpty(id: string, parent: string | null): Promise<StagedLayer> {
    return this.stage(id, parent);
  }

  /** The layers below are in the layer's own files, whatever the caller says of its parent. */
  async mount(id: string): Promise<LayerMount> {
    const { lower } = await this.#existing(id);
    const lowers: string[] = [];
    for (const name of lower) lowers.push(this.#diff(await idBehind(this.#home, name)));
    return { style: 'overlay', dir: this.#diff(id), lowers };
  }

  async get(id: string): Promise<string> {
    const { dir, lowers } = await this.mount(id);
    if (lowers.length === 0) return dir;
    const { shortName, lower } = await this.#existing(id);
    const links = [shortName, ...lower].map((name) => `l/${name}`);
    return this.#views.get(id, links, [dir, ...lowers]);
  }

  async put(id: string): Promise<void> {
    this.#views.put(id);
  }

  async remove(id: string): Promise<void> {
    refuseReadOnly(this.#readOnly, this.#home);
    const layer = await readOverlayLayer(this.#path(id));
    if (layer === null) return;
    if (this.#views.isUsed(id)) throw engineError('IMAGE_IN_USE', `layer ${id} is mounted; put it back first`, { id });
    this.#views.unmountLeftOvers(id);
    await this.#staging.remove(this.#path(id), () => removeLink(this.#home, layer.shortName));
  }

  list(): AsyncIterable<string> {
    return layerIdsIn(this.#home);
  }

  async sweep(): Promise<void> {
    refuseReadOnly(this.#readOnly, this.#home);
    // Whoever left a link without its layer left something in the staging area too: among many links nobody need look.
    if (await this.#staging.isEmpty()) return;
    for (const name of await readdir(`${this.#home}/l`)) {
      if (isDangling(this.#home, name)) removeLink(this.#home, name);
    }
    await this.#staging.sweep();
  }

  status(): [key: string, value: string][] {
    return [
      ['Root Dir', this.#home],
      ['Mounted Layers', String(this.#views.size)],
    ];
  }

  async close(): Promise<void> {
    this.#views.close();
  }

  async #commit(id: string, parent: string | null, dir: string, madeFrom: bigint): Promise<void> {
    const below = parent === null ? null : await this.#existing(parent);
    const shortName = newShortName(this.#home);
    await writeOverlayLayer(dir, { shortName, lower: below === null ? [] : [below.shortName, ...below.lower] });
    const root = `${dir}/diff`;
    if (parent !== null && !isRootDescribed(root, madeFrom, changedAt(`${dir}/link`))) {
      inheritRoot(this.#system, this.#diff(parent), root);
    }
    // In one turn, so that no sweep finds the link without its layer.
    makeLink(this.#home, shortName, id);
    try {
      moveIntoPlace(dir, this.#path(id));
    } catch (error) {
      removeLink(this.#home, shortName);
      throw error;
    }
  }

  async #existing(id: string): Promise<OverlayLayer> {
    const layer = await readOverlayLayer(this.#path(id));
    if (layer === null) throw layerNotFound(this.name, id);
    return layer;
  }

  #diff(id: string): string {
    return `${this.#path(id)}/diff`;
  }

  #path(id: string): string {
    return `${this.#home}/${validateImageId(id)}`;
  }
}
