import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/** Where the kernel says how much of the processors a control group may use: version 2, then version 1. */
const CPU_MAX = '/sys/fs/cgroup/cpu.max';
const CPU_QUOTA = '/sys/fs/cgroup/cpu/cpu.cfs_quota_us';
const CPU_PERIOD = '/sys/fs/cgroup/cpu/cpu.cfs_period_us';

/** Worker threads for a setting: the number given, or the cores that this process may use. */
export function threadCount(threads: number | 'auto'): number {
  return threads === 'auto' ? usableCores() : threads;
}

/** The cores of the control group, rounded up, and never more than the machine has. */
export function usableCores(read: (path: string) => string | null = readText): number {
  const cores = availableParallelism();
  const quota = groupQuota(read);
  return quota === null ? cores : Math.max(1, Math.min(cores, Math.ceil(quota)));
}

function groupQuota(read: (path: string) => string | null): number | null {
  const [max, period] = (read(CPU_MAX) ?? '').trim().split(' ');
  if (max !== undefined && period !== undefined) return ratio(max, period);
  return ratio(read(CPU_QUOTA) ?? '', read(CPU_PERIOD) ?? '');
}

/** Null for `max` and -1: no bound. */
function ratio(quota: string, period: string): number | null {
  const value = Number(quota) / Number(period);
  return Number.isFinite(value) && value > 0 ? value : null;
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return null;
  }
}
