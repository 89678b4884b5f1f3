import { describe, expect, it } from 'vitest';
import { TaskCell } from '../../src/tasks/task-cell.ts';

describe('TaskCell', () => {
  it('shows what one side counts to the other side of its memory', () => {
    const cell = new TaskCell();
    const other = new TaskCell(cell.memory);
    cell.addBytesIn(10);
    cell.addBytesIn(5);
    cell.addBytesOut(7);
    cell.addEntries(1);
    expect(other.sample()).toEqual({ bytesIn: 15, bytesOut: 7, entries: 1 });
  });

  it('counts past four GiB exactly', () => {
    const cell = new TaskCell();
    for (let i = 0; i < 9; i++) cell.addBytesIn(1024 ** 3);
    cell.addBytesIn(1);
    expect(cell.sample().bytesIn).toBe(9 * 1024 ** 3 + 1);
  });

  it('carries a cancel to the other side', () => {
    const cell = new TaskCell();
    const other = new TaskCell(cell.memory);
    other.throwIfCancelled();
    cell.cancel();
    expect(() => other.throwIfCancelled()).toThrow(expect.objectContaining({ code: 'CANCELLED' }));
  });
});
