import { describe, expect, it } from 'vitest';
import type { Batch } from '../../../src/batch/batch.ts';
import { parseJobFile } from '../../../src/batch/job-file/read-job-file.ts';
import { jobDocument, printJobFile } from '../../../src/batch/job-file/write-job-file.ts';
import { randomBatch } from '../../support/random-batch.ts';
import { seeded } from '../../support/random.ts';

describe('a printed job file', () => {
  it.each(Array.from({ length: 40 }, (_, seed) => seed))('reads back as the same batch, seed %i', (seed) => {
    const random = seeded(seed);
    for (let round = 0; round < 10; round++) {
      const batch = randomBatch(random);
      expect(parseJobFile(printJobFile({ batch }), 'job.yml', null).batch).toEqual(batch);
      expect(parseJobFile(JSON.stringify(jobDocument({ batch })), 'job.json', null).batch).toEqual(batch);
    }
  });

  it('keeps how registries are spoken to, without any secret', () => {
    const creds = [
      { registry: 'r.example', user: 'me', pass: '${SECRET}' },
      { registry: 'q.example', authFile: '/auth.json', tls: 'disabled' as const, certDir: '/c' },
    ];
    const batch: Batch = {
      entries: [{ source: { type: 'location', location: '/a.tar' }, target: 'null:' }],
      limits: {},
    };
    const text = printJobFile({ batch, creds, tls: 'insecure' });
    const read = parseJobFile(text, 'job.yml', { SECRET: 'hunter2' });
    expect([read.creds, read.tls, read.batch]).toEqual([creds, 'insecure', batch]);
    expect(printJobFile(read)).toBe(text);
  });

  it('begins with what a person should know, a line each', () => {
    const batch: Batch = {
      entries: [{ source: { type: 'location', location: '/a.tar' }, target: 'null:' }],
      limits: {},
    };
    const text = printJobFile({ batch }, ['left out: \u001b[31m', 'two\nlines', '']);
    expect(text.split('\n').slice(0, 4)).toEqual(['# left out: \\u{1b}[31m', '# two\\u{a}lines', '#', 'version: 1']);
  });
});
