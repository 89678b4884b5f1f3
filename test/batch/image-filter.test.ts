import { describe, expect, it } from 'vitest';
import {
  checkRange,
  type DatedName,
  type ImageFilter,
  keepNames,
  keepTags,
  nameTest,
  needsTimes,
  sinceMs,
  tagTest,
  wholeName,
} from '../../src/batch/image-filter.ts';

const NOW = new Date('2026-11-24T12:00:00Z');
const INVALID = expect.objectContaining({ code: 'INVALID_ARGUMENT' });

const TAGS = ['latest', '1.0', '1.2.0', 'v1.3', '2.0.0-rc.1', '2.0', '2.1-alpine', '10.0'];
const passing = (filter: ImageFilter): string[] => TAGS.filter(tagTest(filter));

describe('patterns', () => {
  it('fit whole names, also where they are alternatives', () => {
    expect(['a', 'ab', 'b', 'xb'].filter((name) => wholeName('a|b').test(name))).toEqual(['a', 'b']);
  });

  it('may have anchors of their own', () => {
    expect(wholeName('^v\\d+$').test('v12')).toBe(true);
  });

  it.each(['(', '[a', 'a)(b', '*'])('%s is refused', (pattern) => {
    expect(() => wholeName(pattern)).toThrow(INVALID);
  });

  it('let through what is allowed and not denied', () => {
    const names = ['team/app', 'team/app-debug', 'other/app'];
    expect(names.filter(nameTest({}))).toEqual(names);
    expect(names.filter(nameTest({ allow: ['team/.*'], deny: ['.*-debug'] }))).toEqual(['team/app']);
    expect(names.filter(nameTest({ deny: ['other/.*'] }))).toEqual(['team/app', 'team/app-debug']);
    expect(names.filter(nameTest({ allow: [] }))).toEqual([]);
  });
});

describe('versions', () => {
  it.each<[string, string[]]>([
    ['>=1.2', ['1.2.0', 'v1.3', '2.0', '10.0']],
    ['^1', ['1.0', '1.2.0', 'v1.3']],
    ['1.0.x || >=10', ['1.0', '10.0']],
    ['>=2.0.0-rc.0 <3', ['2.0.0-rc.1', '2.0']],
  ])('%s', (range, expected) => {
    expect(passing({ semver: [range] })).toEqual(expected);
  });

  it('any of several ranges, and the names as well', () => {
    expect(passing({ semver: ['1.0', '2.0'], deny: ['1.*'] })).toEqual(['2.0']);
    expect(passing({ semver: ['*'], allow: ['\\d+\\.\\d+'] })).toEqual(['1.0', '2.0', '10.0']);
  });

  it('may have leading zeros, as dates do', () => {
    expect(tagTest({ semver: ['>=2024.2'] })('2024.03.01')).toBe(true);
    expect(tagTest({ semver: ['>=2024.2'] })('2024.01.31')).toBe(false);
  });

  it.each(['', ' ', '>=', 'one', '>1 <x.y'])('%j is no range', (range) => {
    expect(() => checkRange(range)).toThrow(INVALID);
  });
});

describe('newest', () => {
  it('by version where all tags that pass are versions', () => {
    expect(keepTags({ newest: 2, semver: ['*'] }, TAGS)).toEqual(['2.0', '10.0']);
    expect(keepTags({ newest: 1, allow: ['1\\..*'] }, TAGS)).toEqual(['1.2.0']);
  });

  it('waits for the times where one is not', () => {
    expect(keepTags({ newest: 1 }, TAGS)).toEqual(TAGS);
    expect(keepTags({ newest: 1, deny: ['1.*'] }, ['a', '1.0', 'b'])).toEqual(['a', 'b']);
  });

  it('is the same for the same tags in another order', () => {
    expect(keepTags({ newest: 1 }, ['1', '1.0', '1.0.0'])).toEqual(['1']);
    expect(keepTags({ newest: 1 }, ['1.0.0', '1.0', '1'])).toEqual(['1']);
  });

  it('needs times to be asked for, and so does createdSince', () => {
    expect([{ newest: 1 }, { createdSince: '1d' }, { allow: ['x'] }].map(needsTimes)).toEqual([true, true, false]);
  });
});

const named = (text: string, created: string | null): DatedName => {
  const [repository = '', tag = ''] = text.split(':');
  return { repository, tag, created };
};
const IMAGES = [
  named('app:old', '2025-01-01T00:00:00Z'),
  named('app:new', '2026-11-20T00:00:00.123456789Z'),
  named('app:unknown', null),
  named('app:middle', '2026-06-01T02:00:00+02:00'),
  named('base:1.1', '2026-01-01T00:00:00Z'),
  named('base:1.2', '2020-01-01T00:00:00Z'),
];
const kept = (filter: ImageFilter): string[] =>
  keepNames(filter, IMAGES, NOW).map(({ repository, tag }) => `${repository}:${tag}`);

describe('names with times', () => {
  it('newest of each repository, by time or version, in the order they came in', () => {
    expect(kept({ newest: 2 })).toEqual(['app:new', 'app:middle', 'base:1.1', 'base:1.2']);
    expect(kept({ newest: 1 })).toEqual(['app:new', 'base:1.2']);
  });

  it('what nobody knows the age of is the oldest, and not young', () => {
    expect(kept({ newest: 3, allow: ['old', 'unknown', 'new', 'middle'] })).toEqual([
      'app:old',
      'app:new',
      'app:middle',
    ]);
    expect(kept({ createdSince: '2000-01-01' })).not.toContain('app:unknown');
  });

  it('since a time, a date or an age', () => {
    expect(kept({ createdSince: '2026-06-01T00:00:00Z' })).toEqual(['app:new', 'app:middle']);
    expect(kept({ createdSince: '2026-06-02' })).toEqual(['app:new']);
    expect(kept({ createdSince: '90d' })).toEqual(['app:new']);
    expect(kept({ createdSince: '1h' })).toEqual([]);
  });

  it('all conditions together', () => {
    expect(kept({ newest: 1, createdSince: '2026-01-01' })).toEqual(['app:new']);
    expect(kept({ newest: 1, deny: ['new'], createdSince: '365d' })).toEqual(['app:middle']);
    expect(kept({})).toHaveLength(IMAGES.length);
  });
});

describe('times', () => {
  it.each([
    ['12h', '2026-11-24T00:00:00Z'],
    ['2d', '2026-11-22T12:00:00Z'],
    ['1w', '2026-11-17T12:00:00Z'],
    ['2026-01-31', '2026-01-31T00:00:00Z'],
    ['2026-01-31T10:00:00.5+01:00', '2026-01-31T09:00:00.500Z'],
  ])('%s', (text, expected) => {
    expect(sinceMs(text, NOW)).toBe(Date.parse(expected));
  });

  it.each(['', '5', '90 d', '1y', '-1d', '2026', '2026-02-30', '2026-13-01', 'yesterday', '2026-01-31T10:00:00'])(
    '%j is none',
    (text) => {
      expect(() => sinceMs(text, NOW)).toThrow(INVALID);
    },
  );
});
