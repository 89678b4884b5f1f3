import { describe, expect, it } from 'vitest';
import { fromWire } from '../../src/errors/wire.ts';
import type { TaskRequest } from '../../src/tasks/envelope.ts';
import { TaskCell } from '../../src/tasks/task-cell.ts';
import { serve } from '../../workers/serve.ts';
import { scenario, scenarioHandlers } from '../support/pool-scenarios.ts';

const main = serve(scenarioHandlers);
const request = (name: string, size = 0, cell = new TaskCell()): TaskRequest => ({
  name: 'blob.copy',
  input: scenario(name, size),
  cell: cell.memory,
});

describe('serve', () => {
  it('answers with data only: the reply survives being a message', async () => {
    for (const name of ['echo', 'mismatch', 'bug', 'not-an-error', 'missing-file']) {
      const reply = await main(request(name));
      expect(structuredClone(reply)).toEqual(reply);
    }
  });

  it('says in JSON what went wrong', async () => {
    const reply = await main(request('mismatch'));
    if (reply.ok) throw new Error('expected a failure');
    expect(fromWire(JSON.parse(JSON.stringify(reply.error)))).toMatchObject({
      code: 'DIFF_ID_MISMATCH',
      details: { layer: 3 },
    });
  });

  it('keeps a hundred warnings and counts them all', async () => {
    const reply = await main(request('warn', 100_000));
    expect(reply.warnings).toHaveLength(100);
    expect(reply.warningCounts).toEqual({ XATTR_SKIPPED: 100_000, OWNER_SKIPPED: 1 });
  });

  it('does not begin what is cancelled already', async () => {
    const cell = new TaskCell();
    cell.cancel();
    expect(await main(request('count', 5, cell))).toMatchObject({ ok: false, error: { code: 'CANCELLED' } });
    expect(cell.sample().bytesIn).toBe(0);
  });

  it('answers for a task that it does not know, by a name of the prototype too', async () => {
    for (const name of ['layer.dream', 'toString']) {
      const reply = await main({ ...request('echo'), name: name as TaskRequest['name'] });
      expect(reply).toMatchObject({ ok: false, error: { code: 'INTERNAL' } });
    }
  });
});
