import { describe, expect, it } from 'vitest';
import { listLine, parseList } from '../../../src/batch/job-file/list.ts';
import { batchReport } from '../../../src/batch/report/batch-report.ts';
import { failedLines } from '../../../src/batch/report/failed-list.ts';
import { MadeLedger, failure } from '../../support/batch-lab.ts';

const lost = { layers: [], state: 'failed' as const, failure: failure() };
const linesOf = (made: MadeLedger): string[] =>
  failedLines(batchReport(made.reading())).map(({ source, target }) => `${source} -> ${target}`);

function sourceAt(made: MadeLedger, location: string): number {
  return made.sources.push({ location, entry: 0, fingerprint: null }) - 1;
}

describe('the list of what has failed', () => {
  it('names images by what they are called in their sources', () => {
    const made = new MadeLedger().image('good', { layers: [] });
    made.image('a', lost).image('b', { ...lost, ref: '#3', names: [] });
    made.image('c', { ...lost, ref: 'app:2', source: sourceAt(made, 'docker://r.example/app:2') });
    made.image('d', { ...lost, ref: 'x:1', source: sourceAt(made, '/archives/x.tar') });
    expect(linesOf(made)).toEqual([
      'docker-archive:/in/a.tar:a:1 -> oci:/out',
      'docker-archive:/in/a.tar:@3 -> oci:/out',
      'docker://r.example/app:2 -> oci:/out',
      '/archives/x.tar -> oci:/out',
    ]);
  });

  it('has each name that an image is to get', () => {
    const made = new MadeLedger();
    made.image('a', { ...lost, names: ['a:1', 'a:latest'] });
    made.image('b', { ...lost, names: ['other:1'] });
    made.image('c', { ...lost, names: ['c:1', 'c:2'], destination: 'docker-archive:/out.tar' });
    made.image('d', { ...lost, names: ['d:1'], tags: ['1', 'latest'], destination: 'docker://to.example/d' });
    expect(linesOf(made)).toEqual([
      'docker-archive:/in/a.tar:a:1 -> oci:/out:a:1',
      'docker-archive:/in/a.tar:a:1 -> oci:/out:a:latest',
      'docker-archive:/in/a.tar:b:1 -> oci:/out:other:1',
      'docker-archive:/in/a.tar:c:1 -> docker-archive:/out.tar',
      'docker-archive:/in/a.tar:c:2 -> docker-archive:/out.tar',
      'docker-archive:/in/a.tar:d:1 -> docker://to.example/d:1',
      'docker-archive:/in/a.tar:d:1 -> docker://to.example/d:latest',
    ]);
  });

  it('has an index once, with the images in it', () => {
    const made = new MadeLedger();
    made
      .image('m', { ...lost, ref: 'i:1 (linux/amd64)', names: [] })
      .image('i', { ...lost, kind: 'index', ref: 'i:1' });
    made.image('n', { ...lost, ref: 'n:1 (linux/arm64)', names: [], destination: 'oci:/other' });
    expect(linesOf(made)).toEqual([
      'docker-archive:/in/a.tar:i:1 -> oci:/out',
      'docker-archive:/in/a.tar:n:1 -> oci:/other',
    ]);
  });

  it('has sources that could not be read, and nothing when nothing has failed', () => {
    const made = new MadeLedger().image('good', { layers: [] });
    expect(linesOf(made)).toEqual([]);
    const gone = 'docker-archive:/in/gone.tar';
    made.image('gone', {
      ...lost,
      ref: gone,
      place: null,
      names: [],
      source: sourceAt(made, gone),
      destination: 'oci:/{name}',
    });
    expect(linesOf(made)).toEqual(['docker-archive:/in/gone.tar -> oci:/{name}']);
  });

  it('is a list that is read again, whatever the names', () => {
    const odd = 'docker-archive:/in/a b\u202e"#.tar';
    const made = new MadeLedger();
    const source = sourceAt(made, odd);
    made.image('gone', { ...lost, source, place: null, names: [], destination: 'oci:/o p' });
    const text = failedLines(batchReport(made.reading())).map(({ source, target }) => listLine(source, target));
    expect(parseList(text.join('\n'), 'failed.txt')).toEqual([{ source: odd, target: 'oci:/o p', line: 1 }]);
  });
});
