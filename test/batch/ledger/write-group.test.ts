import { expect, it } from 'vitest';
import { WriteGroup } from '../../../src/batch/ledger/write-group.ts';
import { engineError } from '../../../src/errors/kinds.ts';
import { codeOf } from '../../support/code-of.ts';

const lost = engineError('LEASE_LOST', 'lost', { key: 'a' });
const full = engineError('NO_SPACE', 'full', {});

/** A group that keeps a diary; `commit` may throw. */
function groupWith(diary: string[], groupMs: number, commit: () => void = () => {}): WriteGroup {
  return new WriteGroup((work) => {
    diary.push('begin');
    const value = work();
    commit();
    diary.push('commit');
    return value;
  }, groupMs);
}

it('writes what came meanwhile in one transaction, in order, and tells when it is through', async () => {
  const diary: string[] = [];
  const group = groupWith(diary, 20);
  const add = async (name: string): Promise<void> => {
    diary.push(await group.add(() => (diary.push(name), `${name} told`)));
  };
  await Promise.all([add('a'), add('b')]);
  await add('c');
  expect(diary).toEqual(['begin', 'a', 'b', 'commit', 'a told', 'b told', 'begin', 'c', 'commit', 'c told']);
});

it('writes at once when it is told to, and once', async () => {
  const diary: string[] = [];
  const group = groupWith(diary, 60_000);
  const written = group.add(() => 1);
  group.flush();
  group.flush();
  expect(diary).toEqual(['begin', 'commit']);
  expect(await written).toBe(1);
});

it('refuses one and writes the others', async () => {
  const group = groupWith([], 0);
  const refused = group.add(() => {
    throw lost;
  });
  const written = group.add(() => 2);
  expect(await codeOf(refused)).toBe('LEASE_LOST');
  expect(await written).toBe(2);
});

it('tells everybody when nothing could be written, and goes on', async () => {
  let isFull = true;
  const group = groupWith([], 0, () => {
    if (isFull) throw full;
  });
  const failed = [group.add(() => 1), group.add(() => 2)];
  expect(await Promise.all(failed.map(codeOf))).toEqual(['NO_SPACE', 'NO_SPACE']);
  isFull = false;
  expect(await group.add(() => 3)).toBe(3);
});

it('undoes the group for a bug in one write', async () => {
  const diary: string[] = [];
  const group = groupWith(diary, 0);
  const bug = new TypeError('a bug');
  const outcomes = await Promise.allSettled([
    group.add(() => 1),
    group.add(() => {
      throw bug;
    }),
  ]);
  expect(outcomes).toEqual([
    { status: 'rejected', reason: bug },
    { status: 'rejected', reason: bug },
  ]);
  expect(diary).toEqual(['begin']);
});
