import { mkdtemp, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { PART_BYTES, type PackingName } from '../../compression/codec.ts';
import { profileFor } from '../../compression/codecs.ts';
import { withLibrary } from '../../compression/libraries.ts';
import type { FormatContext } from '../../formats/context.ts';
import { allDone } from '../../streams/all-done.ts';

/** How fast this machine is, with all its threads at work. */
export interface Rates {
  /** Bytes a second that are read, checked and written as they are. */
  keep: number;
  /** By profile: bytes a second that are packed, and what one byte becomes. */
  pack: ReadonlyMap<string, { perSecond: number; ratio: number }>;
}

/** Enough to be measured, and over in less than a second. */
const SAMPLE_PARTS_A_THREAD = 2;

/** Packs and hashes a few parts of a file that is always there, Node's own program. Answers null for rates of nothing. */
export async function calibrate(profiles: readonly string[], context: FormatContext): Promise<Rates> {
  const dir = await mkdtemp(join(context.tempDir, 'layermill-plan-'));
  try {
    const pack = new Map<string, { perSecond: number; ratio: number }>();
    for (const text of profiles) pack.set(text, await packRate(text, dir, context));
    return { keep: await keepRate(dir, context), pack };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function packRate(
  text: string,
  dir: string,
  { pool, signal }: FormatContext,
): Promise<{ perSecond: number; ratio: number }> {
  const profile = await withLibrary(profileOfText(text));
  const { size } = await stat(process.execPath);
  const parts = Math.max(1, Math.min(SAMPLE_PARTS_A_THREAD * pool.threads, Math.floor(size / PART_BYTES) - 1));
  const source = { from: 'blob', blob: { path: process.execPath, size } } as const;
  const [made, seconds] = await timed(
    Array.from({ length: parts }, (_unused, part) => {
      const to = join(dir, `part-${part}`);
      const input = { source, profile, tarSize: size, part, last: false, to, at: 0, proof: null };
      return async () => (await pool.run('layer.part', input, { signal })).packedSize;
    }),
  );
  const bytes = parts * PART_BYTES;
  return { perSecond: bytes / seconds, ratio: made.reduce((sum, packed) => sum + packed) / bytes };
}

async function keepRate(dir: string, { pool, signal }: FormatContext): Promise<number> {
  const { size } = await stat(process.execPath);
  const length = Math.floor(size / pool.threads);
  const [, seconds] = await timed(
    Array.from({ length: pool.threads }, (_unused, part) => () => {
      const blob = { path: process.execPath, offset: part * length, length };
      return pool.run('blob.copy', { blob, to: join(dir, `copy-${part}`) }, { signal });
    }),
  );
  return (length * pool.threads) / seconds;
}

async function timed<Value>(work: readonly (() => Promise<Value>)[]): Promise<[Value[], number]> {
  const started = performance.now();
  const values = await allDone(work.map((one) => one()));
  return [values, (performance.now() - started) / 1000];
}

/** `gzip:zlib/1.3.1:l4:b1M` → what it is made with here. */
function profileOfText(text: string): ReturnType<typeof profileFor> {
  const [name] = text.split('/') as [PackingName];
  const level = /:l(\d+)/.exec(text)?.[1];
  return profileFor({ compression: name, ...(level === undefined ? {} : { level: Number(level) }) });
}
