import * as v from 'valibot';
import { engineError } from '../errors/kinds.ts';
import { jsonInvalid, pickFields, quoted } from './strict-json.ts';

type FieldsOf<Entries extends v.ObjectEntries> = v.SchemaWithPipe<
  readonly [
    v.CustomSchema<object, v.ErrorMessage<v.CustomIssue> | undefined>,
    v.TransformAction<object, Record<string, unknown>>,
    v.ObjectSchema<Entries, undefined>,
  ]
>;

/** An object read as Go reads it: keys in any case, but never two spellings that differ; unknown keys are ignored. */
export function struct<Entries extends v.ObjectEntries>(what: string, entries: Entries): FieldsOf<Entries> {
  const names = Object.keys(entries);
  return v.pipe(
    v.custom<object>(isObject),
    v.transform((value): Record<string, unknown> => pickFields(value, names, what)),
    v.object(entries),
  );
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Any object, kept as it is. */
export const ANY_OBJECT: v.CustomSchema<Record<string, unknown>, undefined> = v.custom<Record<string, unknown>>(
  isObject,
);

/** Values of one kind under names that nobody knows beforehand; safe for `__proto__` as a name. */
export function mapOf<Value extends v.GenericSchema<unknown>>(
  value: Value,
): v.GenericSchema<unknown, Map<string, v.InferOutput<Value>>> {
  return v.pipe(
    ANY_OBJECT,
    v.transform((object) => Object.entries(object)),
    v.array(v.tuple([v.string(), value])),
    v.transform((entries) => new Map(entries)),
  );
}

/** A string that may be absent or null. */
export const OPTIONAL_STRING: v.NullishSchema<v.StringSchema<undefined>, undefined> = v.nullish(v.string());

/** What Go calls a nil slice or map and what is absent are both the empty one. */
export function list<Item extends v.GenericSchema>(
  item: Item,
): v.NullishSchema<v.ArraySchema<Item, undefined>, undefined> {
  return v.nullish(v.array(item));
}

/** Checks a parsed document against a schema; the message names the first place that is wrong. Throws `code`. */
export function decode<Schema extends v.GenericSchema>(
  schema: Schema,
  value: unknown,
  what: string,
  code: 'JSON_INVALID' | 'CONFIG_INVALID' = 'JSON_INVALID',
): v.InferOutput<Schema> {
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  const place = v.getDotPath(issue);
  const problem = `${place === null ? '' : `at ${quoted(place)}: `}${issue.message.slice(0, 200)}`;
  if (code === 'JSON_INVALID') throw jsonInvalid(what, problem);
  throw engineError('CONFIG_INVALID', `${what} is not an image config: ${problem}`, { what });
}
