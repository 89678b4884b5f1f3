import { describe, expect, it } from 'vitest';
import { fieldsOf, parseList, printList, sourceInList } from '../../../src/batch/job-file/list.ts';
import { hasCode } from '../../../src/errors/kinds.ts';
import { seeded } from '../../support/random.ts';

describe('a list', () => {
  it('has a source and perhaps a target in each line', () => {
    const text =
      '# images\n\ndocker://a.example/x:1\n  oci:/l:v1\tdocker://m.example/x:1  # why\r\n"/a b/c.tar" "oci:/d \\"e\\""\n#end';
    expect(parseList(text, 'list.txt')).toEqual([
      { source: 'docker://a.example/x:1', target: null, line: 3 },
      { source: 'oci:/l:v1', target: 'docker://m.example/x:1', line: 4 },
      { source: '/a b/c.tar', target: 'oci:/d "e"', line: 5 },
    ]);
  });

  it('a # in the middle is no comment', () => {
    expect(fieldsOf('oci:/a#b #c d')).toEqual(['oci:/a#b']);
    expect(fieldsOf('   ')).toEqual([]);
  });

  it.each(['"a', 'a "b', '"a"b', '"\\x"', 'a b c', '""', '"a" ""'])('%s is refused with its line', (line) => {
    try {
      parseList(`a\n${line}\nb c d\n`, 'list.txt');
      expect.unreachable();
    } catch (error) {
      if (!hasCode(error, 'JOB_FILE_INVALID')) throw error;
      expect(error.details.problems!.map((problem) => problem.line)).toEqual([2, 3]);
    }
  });

  it.each(Array.from({ length: 10 }, (_, seed) => seed))('reads what it prints, seed %i', (seed) => {
    const random = seeded(seed);
    const characters = [...'ab:/@.#"\\ \t\n\r\u2028\u200b\u0085'.split(''), '\u{1f600}', '\u{e0001}', '\ud800'];
    const text = (): string => Array.from({ length: 1 + random.below(8) }, () => random.pick(characters)).join('');
    const lines = Array.from({ length: 50 }, () => ({ source: text(), target: random.chance(0.5) ? text() : null }));
    const printed = printList(lines, ['made by a\ntest', '"quoted"']);
    expect(printed.split('\n')).toHaveLength(lines.length + 3);
    expect(parseList(printed, 'list.txt').map(({ source, target }) => ({ source, target }))).toEqual(lines);
  });

  it('is easy to read where nothing has to be quoted', () => {
    expect(printList([{ source: 'docker://a.example/x:1', target: 'oci:/out' }], ['two images failed'])).toBe(
      '# two images failed\ndocker://a.example/x:1 oci:/out\n',
    );
  });
});

describe('one image of a source', () => {
  it.each([
    ['docker-archive:/a.tar', 'app:1', 'docker-archive:/a.tar:app:1'],
    ['docker-archive:/a.tar', '@2', 'docker-archive:/a.tar:@2'],
    ['docker-archive:/a.tar:app:1', 'app:1', 'docker-archive:/a.tar:app:1'],
    ['oci:/l', 'app:1 (linux/arm64)', 'oci:/l:app:1'],
    ['docker-root:/var/lib/docker', 'app:1', 'docker-root:/var/lib/docker:app:1'],
    ['docker://a.example/x:1', 'a.example/x:1', 'docker://a.example/x:1'],
    ['dir:/d', 'app:1', 'dir:/d'],
    ['/a.tar', 'app:1', '/a.tar'],
    ['a.tar', null, './a.tar'],
    ['store:app', 'app', 'store:app'],
    ['oci:/l', null, 'oci:/l'],
  ])('%s and %s', (location, ref, expected) => {
    expect(sourceInList(location, ref)).toBe(expected);
  });
});
