import { describe, expect, it } from 'vitest';
import { Members } from '../../src/formats/members.ts';
import type { ArchiveMember } from '../../src/tasks/task-map.ts';

let offset = 0;
function member(name: string, type: ArchiveMember['type'] = 'file', linkname = ''): ArchiveMember {
  offset += 512;
  return { name, type, linkname, offset, size: type === 'file' ? 7 : 0 };
}

const symlink = (name: string, target: string): ArchiveMember => member(name, 'symlink', target);
const invalid: unknown = expect.objectContaining({ code: 'ARCHIVE_INVALID' });

describe('the members of an archive', () => {
  it.each(['a/b', './a/b', '/a/b', 'a//b', 'a/./b', 'a/b/'])(
    'have one name, however it is written: %s (I9)',
    (name) => {
      expect(new Members([member(name)]).file('a/b')).toBeDefined();
      expect(new Members([member('a/b')]).file(name)).toBeDefined();
    },
  );

  it('with names that climb are nobody (I21)', () => {
    const members = new Members([member('../../etc/passwd'), member('a/../../b'), member('c/../d')]);
    expect([...members.names()]).toEqual([]);
  });

  it.each(['../../etc/passwd', 'a/../../etc/shadow', '..'])('are never asked for by the name %s (I1, I2)', (name) => {
    expect(() => new Members([member('etc/passwd')]).file(name)).toThrow(invalid);
  });

  it('of one name count by the last, and that there are several is known (I8)', () => {
    const last = member('./x');
    const members = new Members([member('x'), member('y'), last]);
    expect(members.file('x')).toBe(last);
    expect([members.isRepeated('x'), members.isRepeated('y')]).toEqual([true, false]);
  });

  it('are found by the bytes of a name', () => {
    expect(new Members([member('gr\u00c3\u00bcn')]).file('grün')).toBeDefined();
  });

  it('are reached through links inside the archive (I4, I6)', () => {
    const layer = member('A/layer.tar');
    const members = new Members([
      layer,
      symlink('B/layer.tar', '../A/layer.tar'),
      member('C/layer.tar', 'hardlink', 'A/layer.tar'),
      symlink('D/layer.tar', '../B/./x/../layer.tar'),
      symlink('top', 'A/layer.tar'),
    ]);
    for (const name of ['A', 'B', 'C', 'D']) expect(members.file(`${name}/layer.tar`)).toBe(layer);
    expect(members.file('top')).toBe(layer);
  });

  it.each([
    ['is absolute (I3)', '/etc/passwd'],
    ['is absolute and a member', '/A/layer.tar'],
    ['climbs out of the archive (I3)', '../../A/layer.tar'],
    ['leads nowhere', '../nowhere'],
    ['leads to a directory (I7)', '../A'],
    ['leads to itself (I5)', 'layer.tar'],
  ])('are not reached through a link that %s', (_what, target) => {
    const members = new Members([member('A', 'dir'), member('A/layer.tar'), symlink('B/layer.tar', target)]);
    expect(() => members.file('B/layer.tar')).toThrow(invalid);
  });

  it('are not reached through links in a circle, and that is noticed (I5)', () => {
    const members = new Members([symlink('a', 'b'), symlink('b', 'c'), member('c', 'hardlink', 'a')]);
    for (const name of ['a', 'b', 'c']) expect(() => members.file(name)).toThrow(invalid);
  });

  it('are reached through a long chain without recursion', () => {
    const links = Array.from({ length: 100_000 }, (_, index) => symlink(`${index}`, `${index + 1}`));
    expect(new Members([...links, member('100000')]).file('0')).toBeDefined();
  });

  it.each(['dir', 'other'] as const)('of the type %s are no files (I7)', (type) => {
    const members = new Members([member('manifest.json', type)]);
    expect(() => members.file('manifest.json')).toThrow(invalid);
    expect(() => members.plainFile('manifest.json')).toThrow(invalid);
  });

  it('that must be files are no links to one', () => {
    const members = new Members([member('x'), symlink('y', 'x'), member('z', 'hardlink', 'x')]);
    expect(members.plainFile('x')).toBeDefined();
    expect(() => members.plainFile('y')).toThrow(invalid);
    expect(() => members.plainFile('z')).toThrow(invalid);
  });

  it('that are missing are undefined', () => {
    expect(new Members([]).file('x')).toBeUndefined();
    expect(new Members([]).plainFile('x')).toBeUndefined();
  });

  it('show their names in messages without control characters', () => {
    try {
      new Members([]).file('../\u001b[2J');
      expect.unreachable();
    } catch (error) {
      expect((error as Error).message).not.toContain('\u001b');
    }
  });
});
