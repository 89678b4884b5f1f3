import { describe, expect, it } from 'vitest';
import { batchReport } from '../../../src/batch/report/batch-report.ts';
import { failedList } from '../../../src/batch/report/failed-list.ts';
import { MadeLedger, failure } from '../../support/batch-lab.ts';

const lost = { layers: [], state: 'failed' as const, failure: failure() };
const line = (source: string, target: string): string => `${source} -> ${target}`;
const listOf = (made: MadeLedger): string[] => failedList(batchReport(made.reading()), line).split('\n').slice(0, -1);

function sourceAt(made: MadeLedger, location: string, error: { code: string; message: string } | null = null): number {
  return made.sources.push({ location, entry: 0, fingerprint: null, error }) - 1;
}

describe('the list of what has failed', () => {
  it('names images by what they are called in their sources', () => {
    const made = new MadeLedger()
      .image('good', { layers: [] })
      .image('a', lost)
      .image('b', { ...lost, ref: '#3', names: [] });
    const [registry, one] = [sourceAt(made, 'docker://r.example/app:2'), sourceAt(made, 'oci:/in:x:1')];
    made.image('c', { ...lost, ref: 'app:2', source: registry, destination: 'docker://to.example/app:2' });
    made.image('d', { ...lost, ref: 'x:1', names: ['y:1'], source: one });
    expect(listOf(made)).toEqual([
      'docker-archive:/in/a.tar:a:1 -> oci:/out',
      'docker-archive:/in/a.tar:@3 -> oci:/out',
      'docker://r.example/app:2 -> docker://to.example/app:2',
      'oci:/in:x:1 -> oci:/out:y:1',
    ]);
  });

  it('has an index once, with the images in it', () => {
    const made = new MadeLedger();
    made.image('m', { ...lost, ref: 'sha256:1', names: [] }).image('i', { ...lost, kind: 'index', ref: 'i:1' });
    expect(listOf(made)).toEqual(['docker-archive:/in/a.tar:i:1 -> oci:/out']);
  });

  it('has sources that could not be read, and nothing when nothing has failed', () => {
    const made = new MadeLedger().image('good', { layers: [] });
    expect(listOf(made)).toEqual([]);
    sourceAt(made, 'docker-archive:/in/gone.tar', { code: 'FILE_NOT_FOUND', message: 'gone' });
    expect(listOf(made)).toEqual(['docker-archive:/in/gone.tar -> oci:/out']);
  });
});
