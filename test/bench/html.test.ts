import { describe, expect, it } from 'vitest';
import { compareReports } from '../../src/bench/compare-reports.ts';
import { reportPage } from '../../src/bench/html.ts';
import { benchCase, benchReport, entrant } from '../support/bench-report.ts';

const ours = entrant({ threads: 2, seconds: [1, 2, 4], outBytes: 40e6 });
const peer = entrant({ tool: 'skopeo', threads: null, seconds: [2, 4, 8], outBytes: 41e6, differs: 'copies blobs' });

describe('the page', () => {
  const page = reportPage(benchReport([ours, peer]));

  it('needs nothing from elsewhere', () => {
    expect(page).not.toMatch(/<script|<link|<img|@import|url\(|https?:/);
    expect(page).toContain('<meta name="viewport" content="width=device-width, initial-scale=1">');
    expect(page).toContain('prefers-color-scheme: dark');
  });

  it('has a bar for everyone, as long as its median, with a line over its rounds', () => {
    expect(page.match(/<svg /g)).toHaveLength(2);
    // The widest is the fastest round, 100 MB/s; the median is 50.
    expect(page).toContain('<rect class="is-ours" width="49.75%"');
    expect(page).toContain('<line class="range" x1="24.88%" x2="99.50%"');
    expect(page).toContain('<rect class="is-peer" width="24.88%"');
  });

  it('has numbers, ratios and commands', () => {
    expect(page).toContain('50 MB/s');
    expect(page).toContain('2.00 ×');
    expect(page).toContain('copies blobs');
    expect(page).toContain('layermill --root RUN/store import image.tar');
  });

  it('shows an older report beside it', () => {
    const compared = compareReports(
      benchReport([ours]),
      benchReport([{ ...ours, outBytes: 20e6 }, peer]),
      '<old>.json',
    );
    const both = reportPage(benchReport([ours, peer]), compared);
    expect(both).toContain('&lt;old&gt;.json. Only in one of them: export zstd:3, skopeo.');
    expect(both).toContain('<td>1.00 ×</td><td>0.500 ×</td><td>inside of noise</td>');
    expect(page).not.toContain('older report');
  });

  it('closes what it opens', () => {
    const tags = [...page.matchAll(/<(\/?)(\w+)(?:\s[^>]*?)?(\/?)>/g)];
    const open: string[] = [];
    for (const [, closing, name, alone] of tags) {
      if (alone === '/' || name === 'meta') continue;
      if (closing === '') open.push(name!);
      else expect(open.pop()).toBe(name);
    }
    expect(open).toEqual([]);
  });

  it('never lets a name be markup', () => {
    const evil = '<script>alert("&")</script>';
    const report = benchReport([entrant({ threads: null, seconds: [], tool: evil, failure: evil, commands: [evil] })]);
    report.cases.push(
      benchCase([entrant({ threads: 1, seconds: [1], tool: evil, differs: evil }), ours], 'create', evil),
    );
    const hostile = reportPage({
      ...report,
      machine: { ...report.machine, cpu: evil },
      corpus: { ...report.corpus, description: evil },
      peers: [{ tool: evil, version: evil }],
      work: { path: evil, fileSystem: evil },
      best: { threads: 1, packing: null, sentences: [evil] },
      notes: [evil],
    });
    expect(hostile).not.toContain('<script');
    expect(hostile).toContain('&lt;script&gt;alert(&quot;&amp;&quot;)&lt;/script&gt;');
  });
});
