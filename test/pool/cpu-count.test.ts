import { availableParallelism } from 'node:os';
import { describe, expect, it } from 'vitest';
import { memoryLimit, threadCount, usableCores } from '../../src/pool/cpu-count.ts';

const machine = availableParallelism();
const files = (contents: Record<string, string>) => (path: string) => contents[path] ?? null;

describe('usableCores', () => {
  it('is what the machine has where no control group says less', () => {
    expect(usableCores(files({}))).toBe(machine);
    expect(usableCores(files({ '/sys/fs/cgroup/cpu.max': 'max 100000\n' }))).toBe(machine);
    expect(
      usableCores(
        files({ '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1\n', '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n' }),
      ),
    ).toBe(machine);
  });

  it('is the quota of the control group, rounded up, and never none', () => {
    expect(usableCores(files({ '/sys/fs/cgroup/cpu.max': '50000 100000\n' }))).toBe(1);
    expect(usableCores(files({ '/sys/fs/cgroup/cpu.max': '1000 100000\n' }))).toBe(1);
    expect(usableCores(files({ '/sys/fs/cgroup/cpu.max': '110000 100000\n' }))).toBe(Math.min(2, machine));
    expect(
      usableCores(
        files({ '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '50000\n', '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n' }),
      ),
    ).toBe(1);
  });

  it('is the least that the own group and those above it allow', () => {
    const read = files({
      '/proc/self/cgroup': '0::/system.slice/mill.service\n',
      '/sys/fs/cgroup/cpu.max': 'max 100000\n',
      '/sys/fs/cgroup/system.slice/cpu.max': '50000 100000\n',
      '/sys/fs/cgroup/system.slice/mill.service/cpu.max': 'max 100000\n',
    });
    expect(usableCores(read)).toBe(1);
  });

  it('finds the group of a controller in version 1', () => {
    const read = files({
      '/proc/self/cgroup': '5:memory:/other\n4:cpu,cpuacct:/docker/abc\n',
      '/sys/fs/cgroup/cpu/docker/abc/cpu.cfs_quota_us': '30000\n',
      '/sys/fs/cgroup/cpu/docker/abc/cpu.cfs_period_us': '100000\n',
    });
    expect(usableCores(read)).toBe(1);
  });

  it('never exceeds the machine', () => {
    expect(usableCores(files({ '/sys/fs/cgroup/cpu.max': '99900000 100000\n' }))).toBe(machine);
  });

  it('makes nothing of a file that says something else', () => {
    expect(usableCores(files({ '/sys/fs/cgroup/cpu.max': 'what' }))).toBe(machine);
  });
});

describe('memoryLimit', () => {
  it('is what the control groups allow, and no bound where they allow everything', () => {
    expect(memoryLimit(files({}))).toBe(Infinity);
    expect(memoryLimit(files({ '/sys/fs/cgroup/memory.max': 'max\n' }))).toBe(Infinity);
    expect(memoryLimit(files({ '/sys/fs/cgroup/memory.max': '536870912\n' }))).toBe(512 * 1024 ** 2);
    expect(memoryLimit(files({ '/sys/fs/cgroup/memory/memory.limit_in_bytes': '268435456\n' }))).toBe(256 * 1024 ** 2);
  });
});

describe('threadCount', () => {
  it('takes a number as it is', () => {
    expect(threadCount(7, files({ '/sys/fs/cgroup/memory.max': '1\n' }))).toBe(7);
  });

  it('makes a thread for each core that there is memory for, and always one', () => {
    const withMemory = (bytes: number) => files({ '/sys/fs/cgroup/memory.max': `${bytes}\n` });
    expect(threadCount('auto', withMemory(64 * 1024 ** 3))).toBe(machine);
    expect(threadCount('auto', withMemory(210 * 1024 ** 2))).toBe(1);
    expect(threadCount('auto', withMemory(1))).toBe(1);
  });
});
