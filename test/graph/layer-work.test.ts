import { expect, test, vi } from 'vitest';
import type { GraphContext } from '../../src/graph/context.ts';
import type { FilledLayer } from '../../src/graph/fill-layer.ts';
import { LayerWork, type LayerWorks } from '../../src/graph/layer-work.ts';
import { sha256Digest } from '../../src/identity/digest.ts';

const link = { id: 'a'.repeat(64), parent: null, diffId: sha256Digest('') };
/** Nothing is committed here, so nothing is asked of it. */
const context = {} as GraphContext;

test('a layer stays while one of its users is left, and goes with the last one', async () => {
  const works: LayerWorks = new Map();
  const discard = vi.fn(() => Promise.resolve());
  const layer = { tree: { discard }, meta: { remove: discard } } as unknown as FilledLayer;
  const work = new LayerWork(works, context, link, null, () => Promise.resolve(layer));
  work.start();
  const joined = work.retain();
  await work.release();
  expect(works.get(link.id)).toBe(work);
  expect(discard).not.toHaveBeenCalled();
  await joined.release();
  expect(works.size).toBe(0);
  expect(discard).toHaveBeenCalledTimes(2);
});

test('a work that is over takes only its own entry away, not that of whoever began again', async () => {
  const works: LayerWorks = new Map();
  const failed = new LayerWork(works, context, link, null, () => Promise.reject(new Error('bad bytes')));
  failed.start();
  await expect(failed.filled).rejects.toThrow('bad bytes');
  expect(works.size).toBe(0);
  let fail = (_reason: Error): void => {};
  const making = new Promise<FilledLayer>((_resolve, reject) => (fail = reject));
  const next = new LayerWork(works, context, link, null, () => making);
  next.start();
  await failed.release();
  expect(works.get(link.id)).toBe(next);
  fail(new Error('bad again'));
  await expect(next.filled).rejects.toThrow('bad again');
  await next.release();
  expect(works.size).toBe(0);
});
