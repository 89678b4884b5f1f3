import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { batchReport } from '../../../src/batch/report/batch-report.ts';
import { decodeReport } from '../../../src/batch/report/decode-report.ts';
import { mergeReports } from '../../../src/batch/report/merge-reports.ts';
import { MadeLedger, failure } from '../../support/batch-lab.ts';
import { fits } from '../../support/json-schema.ts';

const schema = JSON.parse(readFileSync('config/report.schema.json', 'utf8')) as Record<string, unknown>;

/** A report in which nothing is empty. */
function fullReport(): unknown {
  const made = new MadeLedger()
    .layer('l', { image: 'a', stages: { read: 5 } })
    .layer('m', { image: 'b', state: 'failed', failure: failure() })
    .image('a', { layers: ['l'], warnings: ['odd'] })
    .image('b', { layers: ['l', 'm'], state: 'failed', failure: failure({ details: { status: 503 } }) })
    .event('opened', 0)
    .event('done', 1, { key: 'l', kind: 'blob' });
  const again = { ...made.reading(), location: '/jobs/again.ledger' };
  return JSON.parse(JSON.stringify(mergeReports([batchReport(made.reading()), batchReport(again)])));
}

/** Every leaf of a document, by its path. */
function leaves(value: unknown, path: string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [path];
  return Object.entries(value).flatMap(([name, inner]) => leaves(inner, [...path, name]));
}

function changed(document: unknown, [name, ...rest]: string[], value: unknown): unknown {
  const copy = (Array.isArray(document) ? [...document] : { ...(document as object) }) as Record<string, unknown>;
  copy[name!] = rest.length === 0 ? value : changed(copy[name!], rest, value);
  return copy;
}

describe('a written report', () => {
  const report = fullReport();

  it('is read as it was', () => {
    expect(decodeReport(report, 'r.json')).toEqual(report);
    expect(fits(schema, report)).toBe(true);
  });

  it('is refused by its reader and by the published schema alike, whatever is wrong in it', () => {
    const places = leaves(report).filter((path) => !path.includes('details'));
    expect(places.length).toBeGreaterThan(150);
    for (const path of places) {
      const wrong = changed(report, path, ['wrong']);
      expect([path, fits(schema, wrong)]).toEqual([path, false]);
      expect(() => decodeReport(wrong, 'r.json')).toThrow(/^r\.json is no report of a batch/);
    }
  });

  it('lacks nothing', () => {
    for (const name of Object.keys(report as object)) {
      const { [name]: _, ...less } = report as Record<string, unknown>;
      expect(() => decodeReport(less, 'r.json')).toThrow(name);
      expect(fits(schema, less)).toBe(false);
    }
  });

  it('leads nowhere but to what it has', () => {
    for (const [path, name] of [
      [['images', '0', 'layers', '0'], 'images.layers'],
      [['images', '0', 'ledger'], 'images.ledger'],
      [['layers', '1', 'image'], 'layers.image'],
      [['slowest', 'images', '0'], 'slowest.images'],
      [['failures', '0', 'images', '0'], 'failures.images'],
      [['duplicates', '0', 'ledgers', '0'], 'duplicates.ledgers'],
    ] as const) {
      expect(() => decodeReport(changed(report, [...path], 99), 'r.json')).toThrow(name);
    }
  });

  it('is no other JSON', () => {
    for (const other of [null, 7, [], {}, { version: 2 }]) {
      expect(() => decodeReport(other, 'r.json')).toThrow(/`layermill report --format json` writes them/);
    }
  });
});
