import { describe, expect, it } from 'vitest';
import { batchReport } from '../../../src/batch/report/batch-report.ts';
import { junitXml } from '../../../src/batch/report/junit.ts';
import { MadeLedger, failure } from '../../support/batch-lab.ts';

const made = new MadeLedger()
  .image('good', { layers: [], warnings: ['careful <here>'], started: 1, ended: 3 })
  .image('bad', { layers: [], state: 'failed', failure: failure({ message: 'says "no" & <stops>' }), attempts: 2 })
  .image('late', { layers: [], state: 'waiting', attempts: 0, destination: 'docker://r.example/x/late' })
  .event('opened', 0)
  .event('done', 3, { kind: 'image', key: 'good' });
made.sources.push({ location: 'oci:/gone', entry: 0, fingerprint: null });
made.image('gone', {
  layers: [],
  state: 'failed',
  failure: failure({ code: 'FILE_NOT_FOUND', message: 'gone' }),
  source: 1,
  ref: 'oci:/gone',
  place: null,
});

describe('JUnit XML', () => {
  const xml = junitXml(batchReport(made.reading()));

  it('has a suite for each destination, and a case for each image', () => {
    expect(xml).toContain('<testsuites name="layermill" tests="4" failures="1" errors="1" time="3.000">');
    expect(xml).toContain(
      '<testsuite name="oci:/out" tests="3" failures="1" errors="1" skipped="0" time="4.000" timestamp="2026-05-06T12:00:00">',
    );
    expect(xml).toContain('<testcase classname="docker-archive:/in/a.tar" name="good:1 (linux/amd64)" time="2.000">');
    expect(xml).toContain('<system-out>careful &lt;here&gt;</system-out>');
    expect(xml).toContain('<failure type="REGISTRY_UNAVAILABLE" message="says &quot;no&quot; &amp; &lt;stops&gt;">');
    expect(xml).toContain('(2 attempts)</failure>');
    expect(xml).toContain('<testsuite name="docker://r.example" tests="1" failures="0" errors="0" skipped="1"');
    expect(xml).toContain('<skipped message="not done yet"/>');
    expect(xml).toContain(
      '<testcase classname="oci:/gone" name="oci:/gone (linux/amd64)" time="1.000">\n      <error type="FILE_NOT_FOUND" ',
    );
  });

  it('holds only what XML can hold', () => {
    const evil = '</testcase>\u0000\u0008\u001b[2J\ufffe\ud800\u202e]]>';
    const bad = new MadeLedger()
      .image(evil, { layers: [], state: 'failed', failure: failure({ message: evil }), destination: evil })
      .image('b', { layers: [], warnings: [evil] });
    const hostile = junitXml(batchReport(bad.reading()));
    expect(hostile).not.toMatch(/[\u0000-\u0008\u000b-\u001f\ufffe\uffff\ud800-\udfff\u202e]/);
    expect(hostile.match(/<\/testcase>/g)).toHaveLength(2);
    expect(hostile).toContain('&lt;/testcase&gt;\\u{0}\\u{8}\\u{1b}[2J\\u{fffe}\\u{d800}\\u{202e}]]&gt;');
  });
});
