import { DEFAULT_DOCUMENT_LIMITS } from '../../../image/document-limits.ts';
import type { LegacyImage, LegacyLayer } from '../../../image/image-source.ts';
import type { FormatContext } from '../../context.ts';
import { chainOf, type Family } from '../../v1-family.ts';
import type { WantedImage } from './choose-images.ts';
import { readImage, readLayerSize } from './graph-images.ts';
import { type FoundLayer, RootLayers } from './layers.ts';
import { rebuiltLayer } from './rebuilt-layer.ts';
import type { RootFiles } from './root-files.ts';

/** Reads single images of a data directory whose family is known. */
export class V1Reader {
  readonly layers: RootLayers;
  readonly #files: RootFiles;
  readonly #family: Family;
  readonly #context: FormatContext;

  constructor(files: RootFiles, family: Family, context: FormatContext) {
    this.#files = files;
    this.#family = family;
    this.#context = context;
    this.layers = new RootLayers(files);
  }

  /** An image with its chain. Throws what is wrong with any of them, LAYER_NOT_MOUNTED too. */
  async image({ ref, id, names }: WantedImage): Promise<LegacyImage> {
    const limit = (this.#context.documents ?? DEFAULT_DOCUMENT_LIMITS).layers;
    const chain: LegacyLayer[] = [];
    const warnings: string[] = [];
    for (const link of chainOf(this.#family, id, limit)) chain.push(await this.#layer(link, warnings));
    return { kind: 'legacy', ref, names, chain, warnings };
  }

  async #layer(id: string, warnings: string[]): Promise<LegacyLayer> {
    const image = await readImage(this.#files, id, this.#context.documents);
    if (!image.exact) warnings.push(`the JSON of ${id} leaves out whose it is; id and parent were put in front of it`);
    const found = await this.layers.find(id, image.parent);
    const about = (await readLayerSize(this.#files, id)) ?? 0;
    const exact = await this.#exact(id, found);
    const layer = rebuiltLayer({ id, exact, rebuilt: found.changes, about }, this.#context);
    return { id, parent: image.parent, json: image.json, layer };
  }

  async #exact(_id: string, _found: FoundLayer): Promise<null> {
    return null;
  }
}
