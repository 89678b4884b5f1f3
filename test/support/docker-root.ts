import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DEFAULT_LIMITS } from '../../src/archive/limits.ts';
import { chainIds, digestHex } from '../../src/identity/digest.ts';
import { openSystem } from '../../src/system/select.ts';
import { TaskCell } from '../../src/tasks/task-cell.ts';
import { applyLayer } from '../../workers/apply-layer.ts';
import type { FixtureImage } from './image-fixture.ts';
import { splitTar } from './tar-split-writer.ts';

/** Writes a data directory as Docker 1.10 and newer did with the driver vfs. */
export class FixtureDockerRoot {
  readonly path: string;
  readonly #names: Record<string, Record<string, string>> = {};

  constructor(path: string) {
    this.path = path;
  }

  /** The driver's id of a layer: its chain id backwards, so that nobody takes one for the other. */
  static cacheId(chain: string): string {
    return digestHex(chain as 'sha256:')
      .split('')
      .reverse()
      .join('');
  }

  add(image: FixtureImage): this {
    const chains = chainIds(image.layers.map(({ diffId }) => diffId));
    for (const [index, layer] of image.layers.entries()) {
      const db = `image/vfs/layerdb/sha256/${digestHex(chains[index]!)}`;
      const cacheId = FixtureDockerRoot.cacheId(chains[index]!);
      this.write(`${db}/diff`, layer.diffId);
      this.write(`${db}/cache-id`, cacheId);
      this.write(`${db}/size`, String(layer.tar.length));
      if (index > 0) this.write(`${db}/parent`, chains[index - 1]!);
      this.write(`${db}/tar-split.json.gz`, splitTar(layer.tar)!.packed);
      this.tree(cacheId, index === 0 ? null : FixtureDockerRoot.cacheId(chains[index - 1]!), layer.tar);
    }
    this.write(`image/vfs/imagedb/content/sha256/${digestHex(image.configDigest)}`, image.config);
    for (const name of image.names) {
      const repository = name.slice(0, name.lastIndexOf(':'));
      (this.#names[repository] ??= {})[name] = image.configDigest;
    }
    this.write('image/vfs/repositories.json', JSON.stringify({ Repositories: this.#names }));
    return this;
  }

  /** The directory of a layer: a copy of what is below, and a tar applied to it. */
  tree(id: string, below: string | null, tar: Buffer): void {
    const dir = join(this.path, 'vfs/dir', id);
    mkdirSync(dirname(dir), { recursive: true });
    if (below === null) mkdirSync(dir, { mode: 0o755 });
    else execFileSync('cp', ['-a', join(this.path, 'vfs/dir', below), dir]);
    const work = join(this.path, 'work');
    mkdirSync(work);
    writeFileSync(join(work, 'tar'), tar);
    const input = {
      source: { from: 'blob' as const, blob: { path: join(work, 'tar') } },
      target: { style: 'full' as const, dir, lowers: [] },
      meta: work,
      bytes: { keepBlob: null, expected: {} },
      limits: DEFAULT_LIMITS,
    };
    applyLayer(openSystem(), input, { cell: new TaskCell(), warn: () => {} });
    rmSync(work, { recursive: true });
  }

  write(path: string, content: string | Buffer): void {
    mkdirSync(dirname(join(this.path, path)), { recursive: true });
    writeFileSync(join(this.path, path), content);
  }
}
