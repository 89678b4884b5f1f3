import { rm } from 'node:fs/promises';
import { type CompressionProfile, PART_BYTES } from '../compression/codec.ts';
import type { Digest } from '../identity/digest.ts';
import type { ArchivedPart, BlobDigest, PartSource } from '../tasks/task-map.ts';
import { type FileState, sourceChanged } from '../streams/read-blob.ts';
import { StageSum } from '../tasks/stage-times.ts';
import type { RunOptions } from '../tasks/task-pool.ts';
import type { GraphContext, WorkOptions } from './context.ts';
import { proofOfPart } from './midstates.ts';
import { PartJoiner } from './part-joiner.ts';

export interface PartExportWork {
  id: string;
  source: PartSource;
  profile: CompressionProfile;
  /** The file to make. */
  to: string;
  diffId: Digest;
  tarSize: number;
  /** What proves the parts, as `LayerInfo` has it; null where there is none. */
  midstates: string | null;
  /** The whole was hashed before. */
  proven?: boolean;
}

/** Who knows nothing of a graph can make parts too. */
export type PartContext = Pick<GraphContext, 'pool' | 'limits'>;

/**
 * Makes a large layer in parts, each a task of its own. Plain parts are written where they belong, packed ones are joined
 * as soon as those before them are there. That the whole is the layer is proven part by part; where that cannot be done,
 * by a task that makes the whole tar.
 */
export class PartExport {
  readonly #context: PartContext;
  readonly #work: PartExportWork;
  readonly #options: WorkOptions;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  readonly #count: number;
  readonly #states: Buffer | null;
  readonly #joiner: PartJoiner | null;
  readonly #done = { bytesIn: 0, bytesOut: 0, entries: 0 };
  readonly #times = new StageSum();
  readonly #tasks: Promise<unknown>[] = [];
  #next = 0;
  #state: FileState | null = null;
  #proven = true;

  constructor(context: PartContext, work: PartExportWork, options: WorkOptions) {
    this.#context = context;
    this.#work = work;
    this.#options = options;
    const { signal } = options;
    this.#signal = signal === undefined ? this.#stop.signal : AbortSignal.any([signal, this.#stop.signal]);
    this.#count = Math.ceil(work.tarSize / PART_BYTES);
    const { midstates } = work;
    this.#states = midstates === null ? null : Buffer.from(midstates, 'base64');
    const { profile, to, tarSize } = work;
    this.#joiner =
      profile.compression === 'none'
        ? null
        : new PartJoiner(context.pool, { profile, to, count: this.#count }, () => this.#run({ rank: tarSize + 1 }));
  }

  async run(): Promise<BlobDigest> {
    const { pool } = this.#context;
    const { diffId, tarSize, source, to, midstates, proven = false } = this.#work;
    try {
      // Asked for first, because it takes longest.
      const beside = this.#joiner !== null && midstates === null && !proven ? this.#prove(source) : null;
      // One more than there are threads, so that none waits for us; not all, so that parts do not pile up unjoined.
      for (let lane = 0; lane <= pool.threads; lane++) this.#tasks.push(this.#lane());
      if (beside !== null) this.#tasks.push(beside);
      await Promise.all([...this.#tasks, this.#joiner?.joined]);
      if (beside === null && !this.#proven && !proven)
        await this.#prove(this.#joiner === null ? { from: 'blob', blob: { path: to, size: tarSize } } : source);
      this.#report();
      return this.#joiner === null ? { digest: diffId, size: tarSize } : await this.#joiner.joined;
    } catch (error) {
      this.#stop.abort();
      await Promise.allSettled(this.#tasks);
      await this.#joiner?.ended();
      await this.#clear();
      throw error;
    }
  }

  /** What went wrong is to be told, not that its traces cannot be removed. */
  async #clear(): Promise<void> {
    const parts =
      this.#joiner === null ? [] : Array.from({ length: this.#count }, (_unused, part) => this.#pathOf(part));
    for (const path of [this.#work.to, ...parts]) await rm(path, { force: true }).catch(() => {});
  }

  async #lane(): Promise<void> {
    while (this.#next < this.#count) await this.#make(this.#next++);
  }

  async #make(part: number): Promise<void> {
    const { source, profile, tarSize, diffId } = this.#work;
    const plain = this.#joiner === null;
    const last = part === this.#count - 1;
    const made = await this.#context.pool.run(
      'layer.part',
      {
        source,
        profile,
        tarSize,
        part,
        last,
        to: this.#pathOf(part),
        at: plain ? part * PART_BYTES : 0,
        proof: this.#states === null ? null : proofOfPart(this.#states, { diffId, part, last }),
      },
      { ...this.#run({ rank: tarSize }), onWarning: this.#options.onWarning },
    );
    this.#sameFile(made.state);
    this.#tell(made);
    this.#joiner?.add(part, { path: this.#pathOf(part), tarSize: made.tarSize, crc32: made.crc32 });
  }

  /** What was hashed and what was packed is one and the same. Throws SOURCE_CHANGED. */
  #sameFile(state: FileState | null): void {
    this.#state ??= state;
    if (this.#state !== state && this.#work.source.from === 'blob') throw sourceChanged(this.#work.source.blob.path);
  }

  #tell({ tarSize, packedSize, proven }: ArchivedPart): void {
    this.#proven &&= proven;
    this.#done.bytesIn += tarSize;
    this.#done.bytesOut += packedSize;
    this.#report();
  }

  #report(): void {
    this.#options.onProgress?.({ ...this.#done, stages: this.#times.total });
  }

  #pathOf(part: number): string {
    return this.#joiner === null ? this.#work.to : `${this.#work.to}.part-${part}`;
  }

  async #prove(source: PartSource): Promise<void> {
    const { diffId, tarSize } = this.#work;
    const { pool, limits } = this.#context;
    const run = this.#run({ rank: tarSize + 1 });
    // The tar in a file was not read entry by entry to make the parts, nor is it to prove them.
    if (source.from === 'blob' && source === this.#work.source) {
      const { state } = await pool.run('blob.digest', { blob: { ...source.blob, digest: diffId } }, run);
      this.#sameFile(state);
    } else await pool.run('layer.digest', { source, expected: { diffId }, limits }, run);
  }

  #run({ rank }: { rank: number }): RunOptions {
    return { signal: this.#signal, job: this.#work.id, rank, onProgress: this.#times.task() };
  }
}
