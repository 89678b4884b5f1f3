import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Digest, sha256Digest } from '../../src/identity/digest.ts';
import { addTo, type TreeSpec } from './make-tree.ts';
import { dir, file, symlink, tar } from './tar-fixture.ts';
import { splitTar } from './tar-split-writer.ts';

export type V1DriverName = 'vfs' | 'btrfs' | 'aufs' | 'overlay' | 'oldest';

/** A layer of an image or a container: what it adds or changes, and what it removes. */
export interface V1Layer {
  files: TreeSpec;
  removed?: string[];
}

export interface V1ImageSpec extends V1Layer {
  id: string;
  parent?: string;
  /** Laid over what every JSON has; a text takes its place. */
  json?: Record<string, unknown> | string;
  /** More files of `graph/<id>/`. */
  beside?: Record<string, string>;
  /** Also write what 1.8 keeps of the layer's tar. */
  split?: boolean;
}

const SECONDS = 1_000_000_000;

/** Where a driver keeps the files of an id. */
const PLACES: Record<V1DriverName, (id: string) => string> = {
  vfs: (id) => `vfs/dir/${id}`,
  btrfs: (id) => `btrfs/subvolumes/${id}`,
  aufs: (id) => `aufs/diff/${id}`,
  overlay: (id) => `overlay/${id}/root`,
  oldest: (id) => `graph/${id}/layer`,
};

/** Writes data directories as Docker before 1.10 laid them out, each driver's layers in its way. */
export class V1RootWriter {
  readonly root: string;
  readonly driver: V1DriverName;

  constructor(root: string, driver: V1DriverName) {
    this.root = root;
    this.driver = driver;
    mkdirSync(join(root, 'graph', '_tmp'), { recursive: true });
  }

  at(...path: string[]): string {
    return join(this.root, ...path);
  }

  place(id: string): string {
    return this.at(PLACES[this.driver](id));
  }

  /** Answers the DiffID of the tar that the image came as. */
  image(spec: V1ImageSpec): Digest {
    const { id, parent, json, beside = {} } = spec;
    const document = { id, ...(parent === undefined ? {} : { parent }), created: '2015-01-02T03:04:05Z' };
    const text =
      typeof json === 'string' ? json : JSON.stringify({ ...document, os: 'linux', architecture: 'amd64', ...json });
    mkdirSync(this.at('graph', id), { recursive: true });
    writeFileSync(this.at('graph', id, 'json'), text);
    writeFileSync(this.at('graph', id, 'layersize'), '7');
    for (const [name, content] of Object.entries(beside)) writeFileSync(this.at('graph', id, name), content);
    this.layer(id, parent ?? null, spec);
    const bytes = layerTar(spec);
    if (spec.split === true) writeFileSync(this.at('graph', id, 'tar-data.json.gz'), splitTar(bytes)!.packed);
    return sha256Digest(bytes);
  }

  /** What a container changed, and what its init layer has below that. */
  containerLayers(id: string, image: string, init: TreeSpec, changed: V1Layer): void {
    if (this.driver === 'oldest') return this.#branch(this.at('containers', id, 'rw'), changed);
    this.layer(`${id}-init`, image, { files: init });
    this.layer(id, `${id}-init`, changed);
  }

  layer(id: string, parent: string | null, layer: V1Layer): void {
    const place = this.place(id);
    mkdirSync(dirname(place), { recursive: true });
    if (this.driver === 'aufs' || this.driver === 'oldest') this.#branch(place, layer);
    else this.#tree(place, parent, layer);
    if (this.driver === 'aufs') {
      mkdirSync(this.at('aufs/layers'), { recursive: true });
      writeFileSync(this.at('aufs/layers', id), parent === null ? '' : `${parent}\n${this.#ancestors(parent)}`);
    }
  }

  tags(repositories: Record<string, Record<string, string>>): this {
    const name = this.driver === 'oldest' ? 'repositories' : `repositories-${this.driver}`;
    writeFileSync(this.at(name), JSON.stringify({ Repositories: repositories }));
    return this;
  }

  container(id: string, fields: Record<string, unknown>): void {
    mkdirSync(this.at('containers', id), { recursive: true });
    writeFileSync(this.at('containers', id, 'config.json'), JSON.stringify({ ID: id, ...fields }));
  }

  #ancestors(id: string): string {
    return readFileSync(this.at('aufs/layers', id), 'utf8');
  }

  /** A whole tree: a copy of the parent's, of hard links for overlay, and then changed. */
  #tree(place: string, parent: string | null, { files, removed = [] }: V1Layer): void {
    const how = this.driver === 'overlay' ? '-al' : '-a';
    if (parent === null) mkdirSync(place, { mode: 0o755 });
    else execFileSync('cp', [how, this.place(parent), place]);
    for (const path of removed) rmSync(join(place, path), { recursive: true });
    for (const [path, what] of Object.entries(files))
      if (what !== null) rmSync(join(place, path), { recursive: true, force: true });
    addTo(place, files, SECONDS);
  }

  /** A branch of aufs: all its whiteouts are names of one file. */
  #branch(place: string, { files, removed = [] }: V1Layer): void {
    mkdirSync(join(place, '.wh..wh.plnk'), { recursive: true });
    mkdirSync(join(place, '.wh..wh.orph'));
    writeFileSync(join(place, '.wh..wh.aufs'), '', { mode: 0o444 });
    writeFileSync(join(place, '.wh..wh.plnk/12.34'), 'a pseudo-link');
    addTo(place, files, SECONDS);
    for (const path of removed) {
      mkdirSync(join(place, dirname(path)), { recursive: true, mode: 0o755 });
      linkSync(join(place, '.wh..wh.aufs'), join(place, whiteout(path)));
    }
  }
}

function whiteout(path: string): string {
  return join(dirname(path), `.wh.${path.split('/').at(-1)!}`);
}

/** The tar that a layer came as: nothing that we would write so ourselves. */
function layerTar({ files, removed = [] }: V1Layer): Buffer {
  const odd = { mtime: SECONDS, uname: 'builder', gname: 'builder', magic: 'gnu' } as const;
  const entries = Object.entries(files).map(([path, what]) => {
    if (what === null) return dir(`./${path}/`, odd);
    return what.startsWith('-> ') ? symlink(`./${path}`, what.slice(3), odd) : file(`./${path}`, what, odd);
  });
  return tar([...entries, ...removed.map((path) => file(`./${whiteout(path)}`, '', odd))], 5);
}
