import { describe, expect, it } from 'vitest';
import { fieldsOf, listLine, parseList } from '../../../src/batch/job-file/list.ts';
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
    const printed = lines.map(({ source, target }) => `${listLine(`/${source}`, target)}\n`);
    expect(printed.join('').split('\n')).toHaveLength(lines.length + 1);
    const read = parseList(printed.join(''), 'list.txt');
    expect(read.map(({ source, target }) => ({ source: source.slice(1), target }))).toEqual(lines);
  });

  it('is easy to read where nothing has to be quoted', () => {
    expect(listLine('docker://a.example/x:1', 'oci:/out')).toBe('docker://a.example/x:1 oci:/out');
    expect(listLine('/a b.tar', null)).toBe('"/a b.tar"');
  });

  it('says of a path that it is one', () => {
    expect(['a.tar', './a.tar', '/a', '../a', 'store:a', '-', 'oci:a'].map((source) => listLine(source, null))).toEqual(
      ['./a.tar', './a.tar', '/a', '../a', 'store:a', '-', 'oci:a'],
    );
  });
});
