import { describe, expect, it, vi } from 'vitest';
import { TaskCell } from '../../src/tasks/task-cell.ts';

describe('TaskCell', () => {
  it('shows what one side counts to the other side of its memory', () => {
    const cell = new TaskCell();
    const other = new TaskCell(cell.memory);
    cell.addBytesIn(10);
    cell.addBytesIn(5);
    cell.addBytesOut(7);
    cell.addEntries(1);
    expect(other.sample()).toMatchObject({ bytesIn: 15, bytesOut: 7, entries: 1 });
  });

  it('counts past four GiB exactly', () => {
    const cell = new TaskCell();
    for (let i = 0; i < 9; i++) cell.addBytesIn(1024 ** 3);
    cell.addBytesIn(1);
    expect(cell.sample().bytesIn).toBe(9 * 1024 ** 3 + 1);
  });

  it('gives each moment to one stage, and to none outside of them', () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    try {
      const cell = new TaskCell();
      vi.advanceTimersByTime(5);
      expect(cell.enter('read')).toBeNull();
      vi.advanceTimersByTime(10);
      const before = cell.enter('inflate');
      vi.advanceTimersByTime(20);
      const outer = cell.enter('hash');
      vi.advanceTimersByTime(1);
      cell.enter(outer);
      vi.advanceTimersByTime(2);
      expect(cell.enter(before)).toBe('inflate');
      cell.enter(null);
      vi.advanceTimersByTime(100);
      cell.enter('write');
      const { stages } = new TaskCell(cell.memory).sample();
      expect(stages).toEqual({ read: 10, inflate: 22, hash: 1, compress: 0, write: 0 });
    } finally {
      vi.useRealTimers();
    }
  });

  it('carries a cancel to the other side', () => {
    const cell = new TaskCell();
    const other = new TaskCell(cell.memory);
    other.throwIfCancelled();
    cell.cancel();
    expect(() => other.throwIfCancelled()).toThrow(expect.objectContaining({ code: 'CANCELLED' }));
  });
});
