import { describe, expect, it } from 'vitest';
import { engineError } from '../../src/errors/kinds.ts';
import type { JobHandle } from '../../src/coordinator/job.ts';
import { coordinate, failureOf, FakeGraph, registerJob, settle } from '../support/fake-graph.ts';
import { noTime } from '../../src/tasks/stage-times.ts';

describe('submit', () => {
  it('waits for room: submitting is the backpressure', async () => {
    const graph = new FakeGraph();
    const coordinator = coordinate(graph, { io: 2, cpu: 1 });
    const admitted: string[] = [];
    for (const id of ['a', 'b', 'c', 'd', 'e', 'f']) {
      void coordinator.submit(registerJob(id)).then(() => admitted.push(id));
    }
    await graph.untilBegun(2);
    await settle();
    expect(admitted).toEqual(['a', 'b', 'c', 'd']);
    expect(graph.begun.map(({ id }) => id)).toEqual(['a', 'b']);
    graph.begun[0]!.finish();
    await settle();
    expect(admitted).toEqual(['a', 'b', 'c', 'd', 'e']);
    graph.finishAll();
    await graph.untilBegun(6);
    expect(admitted).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
    expect(graph.mostRunning).toBe(2);
    await coordinator.close();
  });

  it('keeps the lanes apart: a full one does not hold the other up', async () => {
    const graph = new FakeGraph();
    const coordinator = coordinate(graph, { io: 1, cpu: 1 });
    await Promise.all(['a', 'b', 'c'].map((id) => coordinator.submit(registerJob(id))));
    const other = await coordinator.submit({ type: 'tempLayerArchive', id: 'x', compression: 'none' });
    // The fake has no layer archives; that this one ran at all is the point.
    expect(await failureOf(other.done)).toMatchObject({ code: 'INTERNAL' });
    await coordinator.close();
  });

  it('admits and runs higher priorities first, equal ones in their order', async () => {
    const graph = new FakeGraph();
    const coordinator = coordinate(graph, { io: 1, cpu: 1 });
    const submit = (id: string, priority: number) => coordinator.submit(registerJob(id), { priority });
    const all = [submit('first', 0), submit('low', -1), submit('mid', 0), submit('mid too', 0), submit('high', 9)];
    await graph.untilBegun(1);
    await settle();
    graph.finishAll();
    await Promise.all((await Promise.all(all)).map((handle) => handle.done));
    const order = graph.begun.map(({ id }) => id);
    expect(order[0]).toBe('first');
    expect(order.indexOf('high')).toBeLessThan(order.indexOf('mid too'));
    expect(order.indexOf('mid')).toBeLessThan(order.indexOf('low'));
  });

  it('answers a handle with an id of its own, progress, and the result', async () => {
    const graph = new FakeGraph();
    const coordinator = coordinate(graph);
    const handle = await coordinator.submit(registerJob('a'));
    const { options, finish } = await graph.untilBegun(1);
    expect(handle.id).toBe('register-1');
    expect(handle.progress()).toEqual({ state: 'running', totalBytes: null, bytesIn: 0, bytesOut: 0, entries: 0 });
    options.onProgress!({ bytesIn: 10, bytesOut: 20, entries: 3, stages: noTime() });
    expect(handle.progress()).toMatchObject({ bytesIn: 10, bytesOut: 20, entries: 3 });
    finish();
    expect((await handle.done).id).toBe('a');
    expect(handle.progress().state).toBe('done');
  });

  it('hands on what the work found odd', async () => {
    const graph = new FakeGraph();
    const warnings: string[] = [];
    await coordinate(graph).submit(registerJob('a'), { onWarning: (message) => void warnings.push(message) });
    const { options } = await graph.untilBegun(1);
    options.onWarning!({ code: 'X', message: 'odd', entry: 'bin/sh' });
    expect(warnings.join()).toContain('odd');
  });

  it('fails the job that fails and no other', async () => {
    const graph = new FakeGraph();
    const coordinator = coordinate(graph);
    const bad = await coordinator.submit(registerJob('bad'));
    const good = await coordinator.submit(registerJob('good'));
    await graph.untilBegun(2);
    graph.begun[0]!.fail(engineError('TAR_TRUNCATED', 'ends early', { offset: 512 }));
    graph.begun[1]!.finish();
    expect(await failureOf(bad.done)).toMatchObject({ code: 'TAR_TRUNCATED' });
    expect(bad.progress().state).toBe('failed');
    expect((await good.done).id).toBe('good');
  });
});

describe('a cancel', () => {
  const full = async (): Promise<{
    graph: FakeGraph;
    handles: JobHandle<unknown>[];
    coordinator: ReturnType<typeof coordinate>;
  }> => {
    const graph = new FakeGraph();
    const coordinator = coordinate(graph, { io: 1, cpu: 1 });
    const handles = await Promise.all(['a', 'b', 'c'].map((id) => coordinator.submit(registerJob(id))));
    return { graph, handles, coordinator };
  };

  it('of a running job rejects only when its work has ended', async () => {
    const graph = new FakeGraph();
    const handle = await coordinate(graph).submit(registerJob('a'));
    await graph.untilBegun(1);
    handle.cancel();
    expect(graph.running).toBe(1);
    expect(await failureOf(handle.done)).toMatchObject({ code: 'CANCELLED' });
    expect(graph.running).toBe(0);
    expect(handle.progress().state).toBe('cancelled');
  });

  it('of a waiting job ends it at once, without running it, and makes room', async () => {
    const { graph, handles, coordinator } = await full();
    const waiting = coordinator.submit(registerJob('d'));
    handles[1]!.cancel();
    expect(await failureOf(handles[1]!.done)).toMatchObject({ code: 'CANCELLED' });
    await waiting;
    graph.finishAll();
    await (
      await waiting
    ).done;
    expect(graph.begun.map(({ id }) => id)).toEqual(['a', 'c', 'd']);
  });

  it('by the signal reaches who waits for room, who waits for a turn, and who runs', async () => {
    const graph = new FakeGraph();
    const coordinator = coordinate(graph, { io: 1, cpu: 1 });
    const abort = new AbortController();
    const failures = ['a', 'b', 'c', 'd', 'e']
      .map(async (id) => (await coordinator.submit(registerJob(id), { signal: abort.signal })).done)
      .map(failureOf);
    await graph.untilBegun(1);
    abort.abort(new Error('enough'));
    for (const failure of failures) expect(await failure).toMatchObject({ code: 'CANCELLED' });
    expect(graph.begun).toHaveLength(1);
    const next = await coordinator.submit(registerJob('f'));
    graph.finishAll();
    await next.done;
  });

  it('before submit refuses the job', async () => {
    const graph = new FakeGraph();
    const submitted = coordinate(graph).submit(registerJob('a'), { signal: AbortSignal.abort() });
    expect(await failureOf(submitted)).toMatchObject({ code: 'CANCELLED' });
    expect(graph.begun).toEqual([]);
  });
});

describe('close', () => {
  it('cancels what runs, what waits and what is not admitted yet, and waits for all of it', async () => {
    const graph = new FakeGraph();
    const coordinator = coordinate(graph, { io: 1, cpu: 1 });
    const jobs = ['a', 'b', 'c', 'd', 'e'].map(async (id) => (await coordinator.submit(registerJob(id))).done);
    const failures = jobs.map(failureOf);
    await graph.untilBegun(1);
    await coordinator.close();
    expect(graph.running).toBe(0);
    for (const failure of failures) expect(await failure).toMatchObject({ code: 'CANCELLED' });
    expect(graph.begun).toHaveLength(1);
  });

  it('refuses what comes later', async () => {
    const coordinator = coordinate(new FakeGraph());
    await coordinator.close();
    expect(await failureOf(coordinator.submit(registerJob('a')))).toMatchObject({ code: 'CANCELLED' });
  });
});

describe('a parent on its way', () => {
  const PARENT = 'a'.repeat(64);

  it('is waited for, outside the lane, and other jobs go on', async () => {
    const graph = new FakeGraph();
    const coordinator = coordinate(graph, { io: 2, cpu: 1 });
    await coordinator.submit(registerJob(PARENT));
    const child = await coordinator.submit(registerJob('child', PARENT));
    await coordinator.submit(registerJob('stranger'));
    await graph.untilBegun(2);
    expect(graph.begun.map(({ id }) => id)).toEqual([PARENT, 'stranger']);
    expect(child.progress().state).toBe('waiting');
    graph.begun[0]!.finish();
    await graph.untilBegun(3);
    expect(graph.begun[2]!.id).toBe('child');
    await coordinator.close();
  });

  it('may be named only in the JSON', async () => {
    const graph = new FakeGraph();
    const coordinator = coordinate(graph, { io: 2, cpu: 1 });
    await coordinator.submit(registerJob(PARENT));
    const json = Buffer.from(JSON.stringify({ id: 'b'.repeat(64), parent: PARENT }));
    await coordinator.submit({ type: 'register', image: { id: 'b'.repeat(64) }, layer: null, json });
    await graph.untilBegun(1);
    await settle();
    expect(graph.begun).toHaveLength(1);
    await coordinator.close();
  });

  it('that fails lets the child try, and say itself what is missing', async () => {
    const graph = new FakeGraph();
    const coordinator = coordinate(graph);
    const parent = await coordinator.submit(registerJob(PARENT));
    await coordinator.submit(registerJob('child', PARENT));
    (await graph.untilBegun(1)).fail(engineError('TAR_TRUNCATED', 'ends early', { offset: 0 }));
    await failureOf(parent.done);
    expect((await graph.untilBegun(2)).id).toBe('child');
    await coordinator.close();
  });

  it('does not keep a cancelled child waiting', async () => {
    const graph = new FakeGraph();
    const coordinator = coordinate(graph);
    await coordinator.submit(registerJob(PARENT));
    const child = await coordinator.submit(registerJob('child', PARENT));
    child.cancel();
    expect(await failureOf(child.done)).toMatchObject({ code: 'CANCELLED' });
    await coordinator.close();
  });

  it('counts as room taken: a chain of a thousand is not all admitted', async () => {
    const graph = new FakeGraph();
    const coordinator = coordinate(graph, { io: 2, cpu: 1 });
    const ids = Array.from({ length: 1000 }, (_, i) => i.toString(16).padStart(64, '0'));
    let admitted = 0;
    const all = ids.map(async (id, i) => {
      const handle = await coordinator.submit(registerJob(id, ids[i - 1]));
      admitted++;
      return handle.done;
    });
    await settle();
    expect(admitted).toBe(4);
    graph.finishAll();
    await Promise.all(all);
    expect(graph.begun.map(({ id }) => id)).toEqual(ids);
  });
});
