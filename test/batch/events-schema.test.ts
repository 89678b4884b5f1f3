import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { EQUALITIES } from '../../src/coordinator/copy/equality.ts';
import { STAGES } from '../../src/batch/ledger/ledger.ts';
import { ONE_OF_EACH } from '../support/batch-events.ts';
import { fits } from '../support/json-schema.ts';

type Schema = Record<string, unknown>;

const schema = JSON.parse(readFileSync(new URL('../../config/events.schema.json', import.meta.url), 'utf8')) as Schema;

const events = Object.values(ONE_OF_EACH).flat();

test.each(events.map((event) => [event.type, event]))('the event %s fits the published schema', (_type, event) => {
  expect(fits(schema, JSON.parse(JSON.stringify(event)))).toBe(true);
});

test.each(events.map((event) => [event.type, event]))('and no key of %s is left out of it', (type, event) => {
  const known = new Set(propertiesOf(type));
  expect(Object.keys(event).filter((key) => !known.has(key))).toEqual([]);
});

test('what is no event does not fit', () => {
  const [failed] = ONE_OF_EACH['layer-failed'];
  expect(fits(schema, { ...failed })).toBe(true);
  expect(fits(schema, { ...failed, attempt: 0 })).toBe(false);
  expect(fits(schema, { ...failed, type: 'other' })).toBe(false);
  expect(fits(schema, { ...failed, digest: 'sha256:1' })).toBe(false);
});

test('the schema lists what the program knows', () => {
  const { stages, imageDone } = schema['$defs'] as Record<string, { properties: Record<string, { enum?: string[] }> }>;
  expect(Object.keys(stages!.properties)).toEqual([...STAGES]);
  expect(imageDone!.properties['equality']!.enum).toEqual([...EQUALITIES]);
});

/** Of the schema of one type, with those of what it is made of. */
function propertiesOf(type: string): string[] {
  const schemas = schema['$defs'] as Record<string, Schema>;
  const own = Object.values(schemas).find(({ properties }) => {
    return (properties as Record<string, { const?: string }> | undefined)?.['type']?.const === type;
  })!;
  const parts = ((own['allOf'] ?? []) as { $ref: string }[]).map(({ $ref }) => schemas[$ref.replace('#/$defs/', '')]!);
  return [own, ...parts].flatMap(({ properties }) => Object.keys(properties as object));
}
