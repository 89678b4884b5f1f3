import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_LIMITS, type LayerLimits } from '../../src/archive/limits.ts';
import type { TarSource } from '../../src/archive/tar-source.ts';
import { openSystem } from '../../src/system/select.ts';
import type { System } from '../../src/system/system.ts';
import type { TaskWarning } from '../../src/tasks/envelope.ts';
import { TaskCell } from '../../src/tasks/task-cell.ts';
import type { AppliedLayer } from '../../src/tasks/task-map.ts';
import type { TaskContext } from '../../src/tasks/task-pool.ts';
import { applyLayer } from '../../workers/apply-layer.ts';
import { unpackTree } from '../../workers/unpack-tree.ts';

export type Style = 'full' | 'overlay';

/** A registered layer of the lab: where its tree and its metadata are. */
export interface LabLayer {
  dir: string;
  meta: string;
  result: AppliedLayer;
}

/** Stacks layers in a temporary directory the way the drivers do, through the functions that threads run. */
export class LayerLab {
  readonly root: string = mkdtempSync(join(tmpdir(), 'layermill-lab-'));
  readonly warnings: TaskWarning[] = [];
  readonly system: System;
  readonly #style: Style;
  readonly #layers: LabLayer[] = [];

  constructor(style: Style, system: System = openSystem()) {
    this.#style = style;
    this.system = system;
  }

  get layers(): readonly LabLayer[] {
    return this.#layers;
  }

  get context(): TaskContext {
    return {
      cell: new TaskCell(),
      warn: (code, message, entry) =>
        this.warnings.push(entry === undefined ? { code, message } : { code, message, entry }),
    };
  }

  /** Applies a tar on top of what is there. With `lowers` false an overlay layer is not shown what is below. */
  apply(tar: Buffer, options: { lowers?: boolean; limits?: Partial<LayerLimits> } = {}): LabLayer {
    const number = this.#layers.length;
    const blob = join(this.root, `layer-${number}.tar`);
    const dir = join(this.root, `tree-${number}`);
    const meta = join(this.root, `meta-${number}`);
    for (const path of [dir, meta]) rmSync(path, { recursive: true, force: true });
    writeFileSync(blob, tar);
    mkdirSync(meta);
    const below = this.#layers.at(-1);
    if (this.#style === 'full' && below !== undefined) execFileSync('cp', ['-al', below.dir, dir]);
    else mkdirSync(dir, { mode: 0o755 });
    const lowers =
      this.#style === 'full'
        ? this.#layers.slice(-1).map((layer) => layer.dir)
        : this.#layers.map((layer) => layer.dir).reverse();
    const result = applyLayer(
      this.system,
      {
        source: { from: 'blob', blob: { path: blob } },
        target:
          options.lowers === false ? { style: 'overlay', dir, lowers: null } : { style: this.#style, dir, lowers },
        meta,
        bytes: { keepBlob: null, expected: {} },
        limits: { ...DEFAULT_LIMITS, ...options.limits },
      },
      this.context,
    );
    const layer = { dir, meta, result };
    if (result.status === 'applied') this.#layers.push(layer);
    return layer;
  }

  /** The tar of a layer, from its record and tree. */
  source(layer: LabLayer): TarSource {
    return { from: 'record', meta: layer.meta, dir: layer.dir };
  }

  /** The whole tree that the layers make, as `unpack` gives it. */
  unpacked(): string {
    const dir = join(this.root, 'unpacked');
    rmSync(dir, { recursive: true, force: true });
    mkdirSync(dir, { mode: 0o755 });
    const layers = this.#layers.map((layer) => this.source(layer));
    unpackTree(this.system, { layers, dir, limits: DEFAULT_LIMITS }, this.context);
    return dir;
  }

  /**
   * The whole tree as a container would see it: the top directory (full), or an overlay mount of them all. Null where an
   * ordinary user cannot mount.
   */
  merged(): string | null {
    if (this.#style === 'full') return this.#layers.at(-1)?.dir ?? null;
    if (process.geteuid?.() !== 0) return null;
    const dir = join(this.root, 'merged');
    mkdirSync(dir, { recursive: true });
    if (this.#layers.length === 1) return this.#layers[0]!.dir;
    const lowers = this.#layers
      .map((layer) => layer.dir)
      .reverse()
      .join(':');
    execFileSync('mount', ['-t', 'overlay', 'overlay', '-o', `lowerdir=${lowers}`, dir]);
    return dir;
  }

  unmount(): void {
    try {
      execFileSync('umount', [join(this.root, 'merged')], { stdio: 'ignore' });
    } catch {
      // It was not mounted.
    }
  }

  close(): void {
    this.unmount();
    execFileSync('chmod', ['-R', 'u+rwX', this.root], { stdio: 'ignore' });
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** A tree as lines a person can compare: type, mode, owner, what it holds; hard links by the first name. */
export function listTree(root: string, options: { times?: boolean } = {}): string[] {
  const firstNames = new Map<string, string>();
  const lines: string[] = [];
  const visit = (path: string): void => {
    const full = join(root, path);
    const stat = lstatSync(full, { bigint: true });
    const shown = path === '' ? '/' : path;
    const mode = (stat.mode & 0o7777n).toString(8).padStart(4, '0');
    const time = options.times === true ? ` @${stat.mtimeNs}` : '';
    const about = `${shown} ${mode} ${stat.uid}:${stat.gid}${time}`;
    if (stat.isDirectory()) {
      lines.push(`dir ${about}`);
      for (const name of readdirSync(full).sort()) visit(path === '' ? name : `${path}/${name}`);
    } else if (stat.isSymbolicLink()) {
      lines.push(`link ${shown} -> ${readlinkSync(full)}`);
    } else if (stat.isFile()) {
      const first = firstNames.get(String(stat.ino));
      if (first === undefined) firstNames.set(String(stat.ino), shown);
      lines.push(first === undefined ? `file ${about} ${content(full)}` : `same ${shown} = ${first}`);
    } else {
      lines.push(`${stat.isFIFO() ? 'fifo' : 'node'} ${about} ${stat.isFIFO() ? '' : stat.rdev}`);
    }
  };
  visit('');
  return lines;
}

function content(path: string): string {
  const bytes = readFileSync(path);
  return bytes.length <= 40
    ? JSON.stringify(bytes.toString('latin1'))
    : createHash('sha256').update(bytes).digest('hex').slice(0, 16);
}

/** The file contents and directories of a tree, without modes: what most tests care about. */
export function contents(root: string): Record<string, string> {
  const found: Record<string, string> = {};
  const visit = (path: string): void => {
    const full = join(root, path);
    const stat = lstatSync(full);
    if (stat.isDirectory()) {
      if (path !== '') found[`${path}/`] = '';
      for (const name of readdirSync(full)) visit(path === '' ? name : `${path}/${name}`);
    } else if (stat.isSymbolicLink()) {
      found[path] = `-> ${readlinkSync(full)}`;
    } else {
      found[path] = stat.isFile() ? readFileSync(full, 'latin1') : 'special';
    }
  };
  if (existsSync(root)) visit('');
  return found;
}
