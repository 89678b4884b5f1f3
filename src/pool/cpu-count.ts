import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';

/** Memory of the process without its worker threads, and what each thread adds when it works: measured, in bytes. */
const BASE_MEMORY = 120 * 1024 ** 2;
const THREAD_MEMORY = 80 * 1024 ** 2;

const CGROUPS = '/sys/fs/cgroup';

type ReadText = (path: string) => string | null;

/** Bytes of memory that the process needs at most with so many threads at work. */
export function memoryOf(threads: number): number {
  return BASE_MEMORY + threads * THREAD_MEMORY;
}

/** Worker threads for a setting: the number given, or one for each core that there is memory for. */
export function threadCount(threads: number | 'auto', read: ReadText = readText): number {
  if (threads !== 'auto') return threads;
  const affordable = Math.floor((memoryLimit(read) - BASE_MEMORY) / THREAD_MEMORY);
  return Math.max(1, Math.min(usableCores(read), affordable));
}

/** The cores that the control groups of this process allow, rounded up, and never more than the machine has. */
export function usableCores(read: ReadText = readText): number {
  const quota = Math.min(
    ...groups('', read).map((group) => {
      const [max = '', period = ''] = (read(join(group, 'cpu.max')) ?? '').trim().split(' ');
      return ratio(max, period);
    }),
    ...groups('cpu', read).map((group) =>
      ratio(read(join(group, 'cpu.cfs_quota_us')) ?? '', read(join(group, 'cpu.cfs_period_us')) ?? ''),
    ),
  );
  return Math.max(1, Math.min(availableParallelism(), Math.ceil(quota)));
}

/** Bytes of memory that the control groups of this process allow; Infinity when they say nothing. */
export function memoryLimit(read: ReadText = readText): number {
  return Math.min(
    ...groups('', read).map((group) => ratio(read(join(group, 'memory.max')) ?? '', '1')),
    ...groups('memory', read).map((group) => ratio(read(join(group, 'memory.limit_in_bytes')) ?? '', '1')),
  );
}

/**
 * The directories of this process's control group and of all above it, each of which may set a bound. `''` is the one
 * hierarchy of version 2, a name the hierarchy of that controller in version 1. Inside a container the path in
 * /proc may not exist; its root then stands for it.
 */
function groups(controller: string, read: ReadText): string[] {
  const top = join(CGROUPS, controller);
  const paths = [top];
  for (let path = ownGroup(controller, read); path !== '/' && path !== '.'; path = dirname(path))
    paths.push(join(top, path));
  return paths;
}

/** Of the lines `hierarchy:controllers:path` in /proc/self/cgroup; version 2 names no controllers. */
function ownGroup(controller: string, read: ReadText): string {
  for (const line of (read('/proc/self/cgroup') ?? '').split('\n')) {
    const [, controllers = '', path = ''] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (path !== '' && controllers.split(',').includes(controller)) return join('/', path);
  }
  return '/';
}

/** Infinity for `max`, -1 and what is no number: no bound. */
function ratio(quota: string, period: string): number {
  const value = Number.parseInt(quota, 10) / Number.parseInt(period, 10);
  return value > 0 ? value : Infinity;
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return null;
  }
}
