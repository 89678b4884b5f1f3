import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkDocument } from '../../../src/batch/job-file/check-document.ts';
import { TYPES } from '../../../src/batch/job-file/job-schema.ts';
import { jobDocument } from '../../../src/batch/job-file/write-job-file.ts';
import { PACKING_NAMES } from '../../../src/compression/codecs.ts';
import { configDirectory } from '../../../src/config/defaults.ts';
import { EQUALITIES } from '../../../src/coordinator/copy/equality.ts';
import { hasCode } from '../../../src/errors/kinds.ts';
import { fits } from '../../support/json-schema.ts';
import { randomBatch } from '../../support/random-batch.ts';
import { type Random, seeded } from '../../support/random.ts';

interface Words {
  properties: Record<string, { enum?: string[] }>;
}
const SCHEMA = JSON.parse(readFileSync(join(configDirectory(), 'job.schema.json'), 'utf8')) as {
  $defs: Record<string, Words>;
};

/** Whether the decoder likes the shape of a document. */
function decodes(value: unknown): boolean {
  try {
    return checkDocument({ value, lineOf: () => null }, 'job.yml').problems.length === 0;
  } catch (error) {
    if (hasCode(error, 'JOB_FILE_INVALID')) return false;
    throw error;
  }
}

const ENTRY = { source: 'docker://a.example/x', target: 'oci:/out' };
const job = (more: object): object => ({ version: 1, sync: [ENTRY], ...more });
const entry = (more: object): object => job({ sync: [{ ...ENTRY, ...more }] });

/** Documents and whether they are job files. */
const EDGES: [object, boolean][] = [
  [job({}), true],
  [job({ 'x-mine': [1] }), true],
  [job({ 'x-': null }), true],
  [job({ y: 1 }), false],
  [job({ version: 2 }), false],
  [job({ version: '1' }), false],
  [job({ sync: [] }), false],
  [job({ sync: {} }), false],
  [job({ creds: [] }), false],
  [job({ creds: [{ registry: 'a', user: 'b', pass: '${C}', authFile: 'd', tls: 'disabled', certDir: 'e' }] }), true],
  [job({ creds: [{ registry: 'a', pass: 'C' }] }), false],
  [job({ creds: [{ registry: 'a', pass: '${1}' }] }), false],
  [job({ creds: [{ user: 'b' }] }), false],
  [job({ defaults: { retries: 0, tls: 'enabled', limits: { jobs: 1024, spoolBytes: '1.5TiB' } } }), true],
  [job({ defaults: { retries: 101 } }), false],
  [job({ defaults: { retries: 1.5 } }), false],
  [job({ defaults: { limits: { jobs: 0 } } }), false],
  [job({ defaults: { limits: { spoolBytes: 1_000_000 } } }), true],
  [job({ defaults: { limits: { spoolBytes: 999_999 } } }), false],
  [job({ defaults: { limits: { spoolBytes: 2 ** 53 } } }), false],
  [job({ defaults: { limits: { spoolBytes: '0GiB' } } }), false],
  [job({ defaults: { limits: { spoolBytes: '64 GiB' } } }), false],
  [entry({ type: 'pattern', repos: {}, tags: {} }), true],
  [entry({ type: 'file' }), false],
  [entry({ source: '' }), false],
  [entry({ rename: [{ from: 'a', to: '' }] }), true],
  [entry({ rename: [{ from: 'a' }] }), false],
  [entry({ tags: { semver: '>=1' } }), true],
  [entry({ tags: { semver: ['>=1'] } }), true],
  [entry({ tags: { semver: [] } }), false],
  [entry({ tags: { newest: 0 } }), false],
  [entry({ tags: [] }), false],
  [entry({ compression: { format: 'gzip:isal', level: 22, reproducible: true, force: false } }), true],
  [entry({ compression: { format: 'xz' } }), false],
  [entry({ compression: 'zstd' }), false],
  [entry({ limits: { retries: 0, abortOnError: true } }), true],
  [entry({ limits: { jobs: 1 } }), false],
  [entry({ platforms: ['linux/amd64'], referrers: 'yes' }), false],
  [[], false],
];

/** A copy of a document with one thing in it changed. */
function spoiled(random: Random, document: object): unknown {
  const copy = structuredClone(document);
  const places: [object, string | number][] = [];
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const [key, inner] of Object.entries(value)) {
      places.push([value, key]);
      visit(inner);
    }
  };
  visit(copy);
  const [where, key] = random.pick(places);
  const object = where as Record<string | number, unknown>;
  const odd = [
    null,
    true,
    0,
    1,
    1.5,
    -1,
    2 ** 53,
    '',
    'x',
    '1',
    '64GiB',
    [],
    [''],
    ['x'],
    [1],
    {},
    { allow: ['x'] },
    { x: 1 },
  ];
  switch (random.below(4)) {
    case 0:
      if (Array.isArray(where)) where.length = 0;
      else delete object[key];
      break;
    case 1:
      object[Array.isArray(where) ? where.length : `${key}s`] = random.pick(odd);
      break;
    default:
      object[key] = random.pick(odd);
  }
  return copy;
}

describe('the published schema and the decoder', () => {
  it.each(EDGES.map(([document, good], index) => ({ index, document, good })))(
    'agree on $index: $document',
    ({ document, good }) => {
      expect([fits(SCHEMA, document), decodes(document)]).toEqual([good, good]);
    },
  );

  it.each(Array.from({ length: 20 }, (_, seed) => seed))('agree on what is spoiled, seed %i', (seed) => {
    const random = seeded(seed);
    const verdicts = { good: 0, bad: 0 };
    for (let round = 0; round < 60; round++) {
      const good = jobDocument({
        batch: randomBatch(random),
        creds: [{ registry: 'a', user: 'b', pass: '${C}' }],
        tls: 'enabled',
      });
      expect([fits(SCHEMA, good), decodes(good)], JSON.stringify(good)).toEqual([true, true]);
      const document = spoiled(random, good);
      const decoded = decodes(document);
      expect(fits(SCHEMA, document), JSON.stringify(document)).toBe(decoded);
      verdicts[decoded ? 'good' : 'bad'] += 1;
    }
    expect(Math.min(verdicts.good, verdicts.bad)).toBeGreaterThan(0);
  });

  it('know the same words', () => {
    const { entry: of, compression } = SCHEMA.$defs;
    expect(compression!.properties['format']!.enum).toEqual(['keep', ...PACKING_NAMES]);
    expect(of!.properties['allow']!.enum).toEqual(EQUALITIES);
    expect(of!.properties['type']!.enum).toEqual(TYPES);
  });
});
