import { describe, expect, it } from 'vitest';
import type { Coordinator } from '../../src/coordinator/coordinator.ts';
import { engineError } from '../../src/errors/kinds.ts';
import { coordinate, failureOf, FakeGraph, registerJob, settle } from '../support/fake-graph.ts';

type Events = ReturnType<Coordinator['run']>;

const jobsOf = (ids: string[]) => ids.map((id) => registerJob(id));

async function readAll(events: Events): Promise<string[]> {
  const seen: string[] = [];
  for await (const event of events) seen.push(`${event.type} ${event.index}`);
  return seen;
}

describe('run', () => {
  it('yields what becomes of each job, as it happens', async () => {
    const graph = new FakeGraph();
    const events = readAll(coordinate(graph).run(jobsOf(['a', 'b', 'c'])));
    await graph.untilBegun(2);
    graph.begun[1]!.finish();
    await graph.untilBegun(3);
    graph.begun[2]!.fail(engineError('TAR_INVALID', 'no tar', { offset: 0 }));
    await settle();
    graph.begun[0]!.finish();
    expect(await events).toEqual(['started 0', 'started 1', 'done 1', 'started 2', 'failed 2', 'done 0']);
  });

  it('carries the job, its id, and its result or error', async () => {
    const graph = new FakeGraph();
    graph.finishAll();
    const job = registerJob('a');
    const seen = [];
    for await (const event of coordinate(graph).run([job])) seen.push(event);
    expect(seen).toEqual([
      { type: 'started', id: 'register-1', index: 0, job },
      { type: 'done', id: 'register-1', index: 0, job, result: { id: 'a' } },
    ]);
  });

  it('pulls the next job only when there is room', async () => {
    const graph = new FakeGraph();
    let pulled = 0;
    function* jobs() {
      for (; pulled < 100;) yield registerJob(`${pulled++}`);
    }
    const events = readAll(coordinate(graph, { io: 2, cpu: 1 }).run(jobs()));
    await graph.untilBegun(2);
    await settle();
    // Two run, two wait in the lane, one waits for room.
    expect(pulled).toBe(5);
    graph.finishAll();
    expect(await events).toHaveLength(200);
    expect(graph.mostRunning).toBe(2);
  });

  it('does not run ahead of a reader who does not read', async () => {
    const graph = new FakeGraph();
    graph.finishAll();
    let pulled = 0;
    function* jobs() {
      for (; pulled < 1000;) yield registerJob(`${pulled++}`);
    }
    const events = coordinate(graph).run(jobs());
    await events.next();
    for (let i = 0; i < 100; i++) await settle();
    expect(pulled).toBeLessThan(100);
    expect((await readAll(events)).length).toBe(1999);
  });

  it('takes jobs from a generator that makes them slowly', async () => {
    const graph = new FakeGraph();
    graph.finishAll();
    async function* jobs() {
      for (const id of ['a', 'b', 'c']) {
        await settle();
        yield registerJob(id);
      }
    }
    expect(await readAll(coordinate(graph).run(jobs()))).toHaveLength(6);
  });

  it('cancels what is left when the reader leaves, and has waited for its end', async () => {
    const graph = new FakeGraph();
    let closed = false;
    function* jobs() {
      try {
        for (let i = 0; ; i++) yield registerJob(`${i}`);
      } finally {
        closed = true;
      }
    }
    for await (const event of coordinate(graph).run(jobs())) if (event.index === 1) break;
    expect(graph.running).toBe(0);
    expect(graph.begun).toHaveLength(2);
    expect(closed).toBe(true);
  });

  it('lets the reader leave although the next job never comes', async () => {
    const graph = new FakeGraph();
    async function* jobs() {
      yield registerJob('a');
      await new Promise(() => {});
      yield registerJob('never');
    }
    for await (const event of coordinate(graph).run(jobs())) if (event.type === 'started') break;
    expect(graph.running).toBe(0);
  });

  it('ends with CANCELLED when its signal aborts, after saying what became of the jobs', async () => {
    const graph = new FakeGraph();
    const abort = new AbortController();
    const seen: string[] = [];
    const read = async (): Promise<void> => {
      const events = coordinate(graph).run(jobsOf(['a', 'b', 'c', 'd', 'e', 'f']), { signal: abort.signal });
      for await (const { type, index } of events) {
        seen.push(`${type} ${index}`);
        if (index !== 1) continue;
        await settle();
        abort.abort();
      }
    };
    expect(await failureOf(read())).toMatchObject({ code: 'CANCELLED' });
    expect(seen.slice(0, 2)).toEqual(['started 0', 'started 1']);
    expect(seen.slice(2).sort()).toEqual(['failed 0', 'failed 1', 'failed 2', 'failed 3']);
  });

  it('throws the failure of the jobs themselves once the others have ended', async () => {
    const graph = new FakeGraph();
    graph.finishAll();
    const seen: string[] = [];
    function* jobs() {
      yield registerJob('a');
      throw new Error('the list of jobs is broken');
    }
    const read = async (): Promise<void> => {
      for await (const { type } of coordinate(graph).run(jobs())) seen.push(type);
    };
    expect((await failureOf(read())).message).toBe('the list of jobs is broken');
    expect(seen).toEqual(['started', 'done']);
  });
});
