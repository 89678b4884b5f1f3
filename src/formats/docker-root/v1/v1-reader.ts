import type { TarSource } from '../../../archive/tar-source.ts';
import { DEFAULT_DOCUMENT_LIMITS } from '../../../image/document-limits.ts';
import type { LegacyImage, LegacyLayer } from '../../../image/image-source.ts';
import { decodeImageJson } from '../../../image/v1-compat.ts';
import { commitJson } from '../../../image/v1-container.ts';
import type { FormatContext } from '../../context.ts';
import { chainOf, type Family } from '../../v1-family.ts';
import type { WantedImage } from './choose-images.ts';
import { findContainer } from './containers.ts';
import { readImage, readLayerSize } from './graph-images.ts';
import { RootLayers } from './layers.ts';
import { rebuiltLayer } from './rebuilt-layer.ts';
import type { RootFiles } from '../root-files.ts';

/** Reads single images of a data directory whose family is known. */
export class V1Reader {
  readonly #layers: RootLayers;
  readonly #files: RootFiles;
  readonly #family: Family;
  readonly #context: FormatContext;

  constructor(files: RootFiles, family: Family, context: FormatContext) {
    this.#files = files;
    this.#family = family;
    this.#context = context;
    this.#layers = new RootLayers(files);
  }

  /** An image with its chain. Throws what is wrong with any of them, LAYER_NOT_MOUNTED too. */
  async image({ ref, id, names }: WantedImage): Promise<LegacyImage> {
    const limit = (this.#context.documents ?? DEFAULT_DOCUMENT_LIMITS).layers;
    const chain: LegacyLayer[] = [];
    const warnings: string[] = [];
    for (const link of chainOf(this.#family, id, limit)) chain.push(await this.#layer(link, warnings));
    return { kind: 'legacy', ref, names, chain, warnings };
  }

  /**
   * The image that `docker commit` would make of a container: what it changed, on top of its image. What Docker itself put
   * in, where it mounts things, is left out. Throws as `image`, and CONTAINER_NOT_FOUND.
   */
  async container(name: string): Promise<LegacyImage> {
    const { limits, pool, signal, documents } = this.#context;
    const container = await findContainer(this.#files, name, documents);
    const ref = `#container=${name}`;
    const { chain, warnings } = await this.image({ ref, id: container.image, names: [] });
    if (container.running) {
      warnings.push(`the container ${container.name} was running when its state was written; stop it to be sure`);
    }
    const { changes, clean } = await this.#layers.findContainer(container.id, container.image);
    if (!clean) warnings.push('the init layer is missing, so empty files like /etc/hosts are part of the image');
    const { diffId } = await pool.run('layer.digest', { source: changes, expected: {}, limits }, { signal });
    const { id, json } = commitJson(container, decodeImageJson(chain.at(-1)!.json), diffId);
    const layer = rebuiltLayer({ id, exact: null, rebuilt: changes, about: 0 }, this.#context);
    return {
      kind: 'legacy',
      ref,
      names: [],
      chain: [...chain, { id, parent: container.image, json, layer }],
      warnings,
    };
  }

  async #layer(id: string, warnings: string[]): Promise<LegacyLayer> {
    const image = await readImage(this.#files, id, this.#context.documents);
    if (!image.exact) warnings.push(`the JSON of ${id} leaves out whose it is; id and parent were put in front of it`);
    const { driver, changes } = await this.#layers.find(id, image.parent);
    const about = (await readLayerSize(this.#files, id)) ?? 0;
    const exact = await this.#exact(id, await driver.directory(id));
    const layer = rebuiltLayer({ id, exact, rebuilt: changes, about }, this.#context);
    return { id, parent: image.parent, json: image.json, layer };
  }

  /** Docker 1.8 and newer kept of each tar what its files do not say. */
  async #exact(id: string, dir: string): Promise<TarSource | null> {
    const split = await this.#files.find(`graph/${id}/tar-data.json.gz`);
    return split === null ? null : { from: 'tar-split', split, trees: [dir] };
  }
}
