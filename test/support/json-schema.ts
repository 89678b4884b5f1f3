type Schema = boolean | { readonly [keyword: string]: unknown };

/**
 * Whether a value is what a JSON Schema says, for the keywords that our published schemas use; others throw, so that a
 * schema cannot promise what nobody checks.
 */
export function fits(schema: Schema, value: unknown, root: Schema = schema): boolean {
  if (typeof schema === 'boolean') return schema;
  return Object.entries(schema).every(([keyword, said]) => {
    const rule = RULES[keyword];
    if (rule === undefined) throw new Error(`the keyword ${keyword} is not known here`);
    return rule(said, value, { schema, root });
  });
}

interface Around {
  schema: { readonly [keyword: string]: unknown };
  root: Schema;
}

type Rule = (said: unknown, value: unknown, around: Around) => boolean;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const TYPES: Record<string, (value: unknown) => boolean> = {
  object: isObject,
  array: Array.isArray,
  string: (value) => typeof value === 'string',
  boolean: (value) => typeof value === 'boolean',
  number: (value) => typeof value === 'number',
  integer: Number.isInteger,
  null: (value) => value === null,
};

const said = (): boolean => true;

const RULES: Record<string, Rule> = {
  $schema: said,
  $defs: said,
  title: said,
  description: said,
  $ref: (name, value, { root }) => fits(lookUp(root, name as string), value, root),
  type: (names, value) => [names].flat().some((name) => TYPES[name as string]!(value)),
  const: (wanted, value) => value === wanted,
  enum: (wanted, value) => (wanted as unknown[]).includes(value),
  allOf: (all, value, { root }) => (all as Schema[]).every((schema) => fits(schema, value, root)),
  oneOf: (some, value, { root }) => (some as Schema[]).filter((schema) => fits(schema, value, root)).length === 1,
  anyOf: (some, value, { root }) => (some as Schema[]).some((schema) => fits(schema, value, root)),
  minimum: (least, value) => typeof value !== 'number' || value >= (least as number),
  maximum: (most, value) => typeof value !== 'number' || value <= (most as number),
  minLength: (least, value) => typeof value !== 'string' || value.length >= (least as number),
  minItems: (least, value) => !Array.isArray(value) || value.length >= (least as number),
  pattern: (source, value) => typeof value !== 'string' || new RegExp(source as string).test(value),
  items: (schema, value, { root }) =>
    !Array.isArray(value) || value.every((item) => fits(schema as Schema, item, root)),
  required: (names, value) => !isObject(value) || (names as string[]).every((name) => Object.hasOwn(value, name)),
  properties: (schemas, value, { root }) =>
    !isObject(value) ||
    Object.entries(schemas as Record<string, Schema>).every(
      ([name, schema]) => !Object.hasOwn(value, name) || fits(schema, value[name], root),
    ),
  patternProperties: (schemas, value, { root }) =>
    !isObject(value) ||
    Object.entries(schemas as Record<string, Schema>).every(([pattern, schema]) =>
      Object.entries(value).every(([name, inner]) => !new RegExp(pattern).test(name) || fits(schema, inner, root)),
    ),
  additionalProperties: (schema, value, { schema: around, root }) =>
    !isObject(value) ||
    Object.entries(value).every(([name, inner]) => isKnown(name, around) || fits(schema as Schema, inner, root)),
};

function isKnown(name: string, { properties = {}, patternProperties = {} }: Around['schema']): boolean {
  const patterns = Object.keys(patternProperties as object).map((pattern) => new RegExp(pattern));
  return Object.hasOwn(properties as object, name) || patterns.some((pattern) => pattern.test(name));
}

function lookUp(root: Schema, reference: string): Schema {
  const name = reference.replace('#/$defs/', '');
  return ((root as Around['schema'])['$defs'] as Record<string, Schema>)[name]!;
}
