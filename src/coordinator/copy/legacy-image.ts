import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Digest } from '../../identity/digest.ts';
import { decodeConfig } from '../../image/decode-config.ts';
import type { LegacyImage, LegacyLayer, ModernImage, SourceLayer } from '../../image/image-source.ts';
import { modernOfLegacy } from '../../image/modern-of-legacy.ts';
import { isPending } from '../../image/pending-blob.ts';
import type { JobRun, JobTools } from '../job-context.ts';
import { modernImage } from '../../image/modern-image.ts';

/** A v1 image in the form of today, and the files that hold its layers until somebody has taken them. */
export interface Converted extends AsyncDisposable {
  image: ModernImage;
}

/**
 * Makes content-addressed images of v1 images, as Docker 1.10 did when it moved its store: a layer for each image of the
 * chain, a config with a history. The tars have to be read for that, those of an image that several stand on once.
 */
export class LegacyConverter {
  readonly #tools: JobTools;
  readonly #run: JobRun;
  readonly #dir: string;
  /** By source and id: ids were drawn by lot, and say nothing about what somebody else has under them. */
  readonly #known = new Map<string, { diffId: Digest; size: number }>();
  #files = 0;

  constructor(tools: JobTools, run: JobRun, dir: string) {
    this.#tools = tools;
    this.#run = run;
    this.#dir = dir;
  }

  async convert(source: string, legacy: LegacyImage): Promise<Converted> {
    const files: string[] = [];
    const share = this.#tools.spool.share();
    const dispose = async (): Promise<void> => {
      for (const file of files) await rm(file, { force: true });
      share.release();
    };
    try {
      const layers: SourceLayer[] = [];
      for (const link of legacy.chain) {
        const { file, size, ...layer } = await this.#layerOf(`${source} ${link.id}`, link);
        if (file !== null) files.push(file);
        if (file !== null) share.add(size);
        layers.push(layer);
      }
      const { raw } = modernOfLegacy(
        legacy.chain,
        layers.map(({ diffId }) => diffId),
      );
      const config = decodeConfig(raw);
      const { ref, names, warnings } = legacy;
      const image: ModernImage = modernImage(config, {
        ref,
        names,
        layers,
        manifest: null,
        warnings,
      });
      return { image, [Symbol.asyncDispose]: dispose };
    } catch (error) {
      await dispose();
      throw error;
    }
  }

  async #layerOf(
    key: string,
    { id, layer }: LegacyLayer,
  ): Promise<SourceLayer & { file: string | null; size: number }> {
    const known = this.#known.get(key);
    if (known !== undefined) {
      const blob = isPending(layer)
        ? { size: known.size, digest: known.diffId, obtain: layer.obtain.bind(layer) }
        : layer;
      return { ...known, blob, mediaType: null, file: null };
    }
    const { signal } = this.#run;
    if (isPending(layer)) {
      const file = join(this.#dir, `v1-${this.#files++}`);
      const onWarning = ({ message }: { message: string }): void => this.#run.warn(`${id.slice(0, 12)}: ${message}`);
      const { digest: diffId, size } = await layer.obtain(file, { signal, onWarning });
      this.#known.set(key, { diffId, size });
      return { diffId, size, blob: { path: file, size, digest: diffId }, mediaType: null, file };
    }
    const { pool, limits } = this.#tools;
    const input = { source: { from: 'blob', blob: layer } as const, bytes: { keepBlob: null, expected: {} }, limits };
    const { digests } = await pool.run('layer.hash', input, { signal });
    this.#known.set(key, { diffId: digests.diffId, size: digests.tarSize });
    return { diffId: digests.diffId, size: digests.tarSize, blob: layer, mediaType: null, file: null };
  }
}
