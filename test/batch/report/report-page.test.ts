import { describe, expect, it } from 'vitest';
import { batchReport } from '../../../src/batch/report/batch-report.ts';
import { reportPage } from '../../../src/batch/report/html/report-page.ts';
import { mergeReports } from '../../../src/batch/report/merge-reports.ts';
import { MadeLedger, failure } from '../../support/batch-lab.ts';
import { type Scene, sceneOf } from '../../support/batch-scenes.ts';

const pageOf = (scene: Scene): string => reportPage(batchReport(sceneOf(scene)));

function closesWhatItOpens(page: string): void {
  const open: string[] = [];
  for (const [, closing, name, alone] of page.matchAll(/<(\/?)(\w+)(?:\s[^>]*?)?(\/?)>/g)) {
    if (alone === '/' || name === 'meta') continue;
    if (closing === '') open.push(name!);
    else expect(open.pop()).toBe(name);
  }
  expect(open).toEqual([]);
}

describe('the page of a batch', () => {
  const page = pageOf({ images: 60, shared: 8, failEvery: 20, pause: 8 * 3600 });

  it('needs nothing from elsewhere, and runs nothing', () => {
    expect(page).not.toMatch(/<script|<link|<img|@import|url\(|https?:|style="| on\w+=/);
    expect(page).toContain(`content="default-src 'none'; style-src 'sha256-`);
    closesWhatItOpens(page);
  });

  it('says first how it stands', () => {
    expect(page).toContain('<section class="card bad"><p><strong>57 of 60 images done, 3 failed.</strong>');
    expect(page).toMatch(/It took \d+ s in 2 sittings, from 2026-05-06 12:00:00 to 20:00:\d\d UTC\./);
  });

  it('says what failed and what to do, by class', () => {
    for (const [code, text] of [
      ['REGISTRY_UNAVAILABLE', 'may pass'],
      ['DIGEST_MISMATCH', 'will not pass by itself'],
      ['NO_SPACE', 'the machine lacks something'],
    ]) {
      expect(page).toMatch(
        new RegExp(`<h3>${code} <span class="mark \\w+">${text}</span></h3>\n<p>1 image, 1 layer: `),
      );
    }
    expect(page).toContain('<strong>team-5/service-19:1.4</strong>: r.example answers 503');
  });

  it('draws throughput with the pause in grey, and what each bar is', () => {
    expect(page.match(/<rect class="pause"/g)).toHaveLength(1);
    expect(page.match(/<rect class="is-sent" x=/g)!.length).toBeGreaterThan(10);
    expect(page).toMatch(/<title>2026-05-06 12:00:0\d to 12:00:0\d: \d layers? of [\d.]+ MB, /);
    expect(page).toMatch(/Nobody was at it for 8 h 00 min from 2026-05-06 12:00:\d\d: the gap\./);
  });

  it('has stages, sharing and what took longest', () => {
    for (const stage of ['read', 'inflate', 'hash', 'compress', 'write', 'wait']) {
      expect(page).toContain(`<div class="bar"><span>${stage}</span><svg`);
    }
    expect(page).toMatch(/<svg class="parts" role="img" aria-label="[\d.]+ [MG]B distinct, [\d.]+ [MG]B saved">/);
    expect(page).toContain('<h3>Layers that save most</h3>');
    expect(page).toContain('<h2>What took longest</h2>');
  });

  it('has each image with its digests whole, failed ones first', () => {
    const images = page.slice(page.indexOf('<h2>Images</h2>'));
    expect(images.match(/<tr><td>/g)).toHaveLength(60);
    expect(images.indexOf('Failed (3)')).toBeLessThan(images.indexOf('Done (57)'));
    expect(images).toMatch(/<code class="digest" title="sha256:[a-f0-9]{64}">sha256:[a-f0-9]{64}<\/code>/);
    expect(images).toContain('same config and DiffIDs; layers packed anew');
    expect(images).toContain('<summary>1 warning</summary>');
  });
});

describe('a page', () => {
  it('of a run in which nothing failed has no section of failures', () => {
    const page = pageOf({ images: 5, shared: 2 });
    expect(page).toContain('<section class="card good"><p><strong>All 5 images are done.</strong>');
    expect(page).not.toContain('What failed');
    expect(page).not.toContain('attempts failed');
  });

  it('of one image, of failed ones only, and of none are no worse', () => {
    expect(pageOf({ images: 1, shared: 1 })).toContain('The one image is done.');
    expect(pageOf({ images: 3, shared: 1, failEvery: 1 })).toContain('All 3 images failed.');
    const none = reportPage(batchReport({ ...new MadeLedger().reading(), plan: null }));
    expect(none).toContain('There are no images in it.');
    expect(none).not.toMatch(/NaN|undefined|null|Infinity/);
    for (const page of [none, pageOf({ images: 1, shared: 1 })]) closesWhatItOpens(page);
  });

  it('of a run under way says what is left', () => {
    const page = pageOf({ images: 40, shared: 4, done: 0.5 });
    expect(page).toMatch(/Not finished: \d+ of 40 images done, \d+ to go\./);
    expect(page).toContain('class="state waiting">waiting');
    expect(page).toContain('So far ');
  });

  it('of many images has tables that are laid out when they are opened', () => {
    const page = pageOf({ images: 1200, shared: 30 });
    expect(page).toMatch(/<details><summary>Done 1–250 of 1200: team-0\/service-0:1\.0 … /);
    expect(page).toContain('<details><summary>Done 1001–1200 of 1200');
  });

  it('of merged shards names their ledgers, and images that are in several', () => {
    const reading = sceneOf({ images: 4, shared: 2 });
    const reports = ['/jobs/1.ledger', '/jobs/2.ledger'].map((location) => batchReport({ ...reading, location }));
    const page = reportPage(mergeReports(reports));
    expect(page).toContain('<td>/jobs/2.ledger</td>');
    expect(page).toContain('4 images in more than one of them');
  });

  it('never lets a name be markup, or turn the text around', () => {
    const evil = '</script></title><img src=x onerror=alert(1)>"\'\u202e\u0007\u2028&';
    const made = new MadeLedger();
    made.location = evil;
    made.sources[0] = { location: evil, entry: 0, fingerprint: null };
    made
      .layer(evil, { image: evil, state: 'failed', failure: failure({ message: evil }), destination: evil })
      .image(evil, { ref: evil, names: [evil, 'b'], layers: [evil], warnings: [evil], destination: evil })
      .image('b', {
        ref: evil,
        layers: [evil],
        state: 'failed',
        failure: failure({ message: evil }),
        destination: 'oci:/o',
      })
      .event('opened', 0)
      .event('done', 2, { kind: 'image', key: evil });
    const again = { ...made.reading(), location: `${evil}2` };
    const page = reportPage(mergeReports([batchReport(made.reading()), batchReport(again)]));
    expect(page).not.toMatch(/<img|<\/script|[\u202e\u0007\u2028]/);
    expect(page).toContain('&lt;img src=x onerror=alert(1)&gt;&quot;&#39;\\u{202e}\\u{7}\\u{2028}&amp;');
    closesWhatItOpens(page);
  });
});
