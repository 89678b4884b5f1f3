import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { rejects } from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Driver, DriverContext, StageOptions, StagedLayer } from '../drivers/driver.ts';
import type { ErrorCode } from '../errors/codes.ts';
import { openSystem } from '../system/select.ts';
import type { System } from '../system/system.ts';
import type { TaskPool } from '../tasks/task-pool.ts';
import { viewTree } from './view-tree.ts';

export type OpenDriver = (context: DriverContext) => Promise<Driver>;

/** What a driver promises, in words, and a function that resolves when the promise is kept. */
export type Promises = Readonly<Record<string, (lab: DriverLab) => Promise<void>>>;

/** An id of its own for every number. */
export function layerId(number: number): string {
  return number.toString(16).padStart(64, 'a');
}

export const BASE: string = layerId(1);
export const CHILD: string = layerId(2);
export const GRANDCHILD: string = layerId(3);
export const UNKNOWN: string = layerId(99);
export const isRoot: boolean = process.geteuid?.() === 0;

/** A driver in a temporary directory of its own, and what tests do with it. */
export class DriverLab implements AsyncDisposable {
  readonly root: string;
  readonly home: string;
  readonly driver: Driver;
  readonly #open: OpenDriver;
  readonly #pool: TaskPool;
  readonly #system: System = openSystem();

  private constructor(root: string, driver: Driver, open: OpenDriver, pool: TaskPool) {
    this.root = root;
    this.home = join(root, 'home');
    this.driver = driver;
    this.#open = open;
    this.#pool = pool;
  }

  static async create(open: OpenDriver, pool: TaskPool): Promise<DriverLab> {
    const root = mkdtempSync(join(tmpdir(), 'layermill-driver-'));
    try {
      return new DriverLab(root, await open({ home: join(root, 'home'), pool, readOnly: false }), open, pool);
    } catch (error) {
      await pool.close();
      rmSync(root, { recursive: true });
      throw error;
    }
  }

  /** Another one, as another process would open it. */
  another(options: { home?: string; readOnly?: boolean } = {}): Promise<Driver> {
    const { home = this.home, readOnly = false } = options;
    return this.#open({ home, pool: this.#pool, readOnly });
  }

  commit(id: string, parent: string | null, fill: (dir: string) => void = () => undefined): Promise<void> {
    return commitLayer(this.driver, id, parent, fill);
  }

  /** What a layer shows with everything below it, a line an entry. */
  async view(id: string, parent: string | null, driver: Driver = this.driver): Promise<string[]> {
    return viewTree(this.#system, await driver.mount(id, parent));
  }

  /** The names of that. */
  async names(id: string, parent: string | null): Promise<(string | undefined)[]> {
    return (await this.view(id, parent)).map((line) => line.split(' ')[0]);
  }

  async ids(driver: Driver = this.driver): Promise<string[]> {
    const found: string[] = [];
    for await (const id of driver.list()) found.push(id);
    return found.sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.driver.close();
    await this.#pool.close();
    execFileSync('chmod', ['-R', 'u+rwX', this.root]);
    rmSync(this.root, { recursive: true });
  }
}

/** Stages a layer, fills its directory and commits it. */
export async function commitLayer(
  driver: Driver,
  id: string,
  parent: string | null,
  fill: (dir: string) => void,
  options?: StageOptions,
): Promise<void> {
  const staged: StagedLayer = await driver.stage(id, parent, options);
  try {
    fill(staged.mount.dir);
    await staged.commit();
  } catch (error) {
    await staged.discard();
    throw error;
  }
}

/** A call that fails with this code, whether it throws or rejects. */
export function refuses(call: () => Promise<unknown>, code: ErrorCode): Promise<void> {
  return rejects(async () => call(), { code });
}

/** What a tar entry for the root does to it. */
export function describeRoot(dir: string, mode: number): void {
  chmodSync(dir, mode);
  utimesSync(dir, 1_000_000_000, 1_000_000_000);
}

/** The tree of Docker's driver tests, with links, a fifo and a directory that nobody may write to. */
export function makeOddTree(dir: string): void {
  mkdirSync(`${dir}/a subdir`);
  writeFileSync(`${dir}/a file`, 'content');
  execFileSync('ln', [`${dir}/a file`, `${dir}/a second name`]);
  execFileSync('ln', ['-s', '../../outside', `${dir}/a link`]);
  execFileSync('mkfifo', ['-m', '600', `${dir}/a subdir/a fifo`]);
  mkdirSync(`${dir}/deep/er`, { recursive: true });
  if (isRoot) chownSync(`${dir}/a subdir`, 1, 2);
  chmodSync(`${dir}/a subdir`, 0o1705);
  chmodSync(`${dir}/a file`, isRoot ? 0o4222 : 0o4622);
  for (const name of ['a subdir', 'a file', 'deep/er', 'deep']) utimesSync(`${dir}/${name}`, 1, 1.5);
}
