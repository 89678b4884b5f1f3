import { describe, expect, it } from 'vitest';
import { batchReport } from '../../../src/batch/report/batch-report.ts';
import { mergeReports } from '../../../src/batch/report/merge-reports.ts';
import { batchText } from '../../../src/cli/report-text.ts';
import { columnsOf } from '../../../src/reporting/printable.ts';
import { MadeLedger, failure } from '../../support/batch-lab.ts';
import { sceneOf } from '../../support/batch-scenes.ts';

const text = batchText(batchReport(sceneOf({ images: 300, shared: 40, failEvery: 50, pause: 8 * 3600 })));

describe('a report for a terminal', () => {
  it('fits eighty columns, and speaks to no terminal', () => {
    for (const line of text.split('\n')) expect(columnsOf(line)).toBeLessThanOrEqual(80);
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f]| $/m);
  });

  it('says first how it stands, then what failed and what to do', () => {
    expect(text).toMatch(/^294 of 300 images done, 6 failed\.\n/);
    expect(text).toContain(
      '  NO_SPACE (the machine lacks something): 2 images, 2 layers\n' +
        '    → free space in the destination and in the temporary directory, and run\n      again\n',
    );
    expect(text).toContain('    team-0/service-49:1.4: r.example answers 503\n');
  });

  it('draws throughput in one line, with the pause', () => {
    expect(text).toMatch(
      /^Throughput, up to [\d.]+ MB\/s of layers\n {2}[ ▁▂▃▄▅▆▇█]+┊[ ▁▂▃▄▅▆▇█]+\n {2}2026-05-06 12:00:00 to 20:/m,
    );
    expect(text).toContain('Nobody was at it for 8 h');
  });

  it('has stages, sharing, and what took longest', () => {
    expect(text).toMatch(/^ {2}compress █{40} {2}1 min \d\d s, 6\d %$/m);
    expect(text).toMatch(/^Sharing saves [\d.]+ GB \(\d\d %\)\n {2}LAYER +SIZE +USED BY +SAVES\n {2}[a-f0-9]{12} /m);
    expect(text).toMatch(/^What took longest\n {2}IMAGE +SIZE +TIME\n {2}team-/m);
  });

  it('names destinations and ledgers when there are several', () => {
    const reading = sceneOf({ images: 6, shared: 2, destinations: 2 });
    const shards = ['/jobs/1.ledger', '/jobs/2.ledger'].map((location) => batchReport({ ...reading, location }));
    const merged = batchText(mergeReports(shards));
    expect(merged).toMatch(/^ {2}docker:\/\/r1\.example:5000 +3 of 3 done +0 B$/m);
    expect(merged).toMatch(/^ {2}\/jobs\/2\.ledger +6 of 6 done/m);
    expect(merged).toContain('6 images in more than one of them; the furthest result counts');
  });

  it('is short when there is little to say', () => {
    const none = batchText(batchReport({ ...new MadeLedger().reading(), plan: null }));
    expect(none).toContain('There are no images in it.\nThere are no layers in it.\nNothing has been done yet.');
    expect(none).not.toMatch(/Throughput|stage|Sharing|NaN|undefined/);
  });

  it('makes names from outside printable', () => {
    const evil = 'a\u001b[2J\u202eb';
    const made = new MadeLedger().image('x', {
      ref: evil,
      layers: [],
      state: 'failed',
      failure: failure({ message: evil }),
    });
    made.location = evil;
    const told = batchText(batchReport(made.reading()));
    expect(told).not.toMatch(/[\u001b\u202e]/);
    expect(told).toContain('a\\u{1b}[2J\\u{202e}b: a\\u{1b}[2J\\u{202e}b');
  });
});
