import { readFileSync, readdirSync } from 'node:fs';

/** Linux counts times for programs in hundredths of a second on every architecture (USER_HZ). */
const TICKS_PER_SECOND = 100;

/**
 * CPU seconds of all children that have ended and been waited for, and of theirs (`cutime` and `cstime` of proc(5)).
 * What it grows by while one child runs is what that child took. Null where there is no such file.
 */
export function childrenCpuSeconds(): number | null {
  const stat = readText('/proc/self/stat');
  if (stat === null) return null;
  // The name in parentheses may hold anything. The fields behind it begin with the third one.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[13]) + Number(fields[14])) / TICKS_PER_SECOND;
}

/** Bytes that a process and everything below it had at most (`VmHWM`), each counted at its own peak; null when gone. */
export function treePeakBytes(pid: number): number | null {
  const own = peakBytes(pid);
  if (own === null) return null;
  return childrenOf(pid).reduce((sum, child) => sum + (treePeakBytes(child) ?? 0), own);
}

function peakBytes(pid: number): number | null {
  const kib = /^VmHWM:\s+(\d+) kB$/m.exec(readText(`/proc/${pid}/status`) ?? '')?.[1];
  return kib === undefined ? null : Number(kib) * 1024;
}

/** A child belongs to the thread that made it. */
function childrenOf(pid: number): number[] {
  const threads = entriesOf(`/proc/${pid}/task`);
  const lists = threads.map((thread) => readText(`/proc/${pid}/task/${thread}/children`) ?? '');
  return lists.flatMap((list) => list.split(' ').filter((word) => word !== '')).map(Number);
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return null;
  }
}

function entriesOf(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
