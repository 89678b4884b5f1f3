/**
 * What `marshalGo` writes. A plain object is a struct: keys in their order, `undefined` ones left out. A Map is a map:
 * keys sorted by their UTF-8 bytes. Numbers are integers.
 */
export type GoValue = null | boolean | number | string | readonly GoValue[] | ReadonlyMap<string, GoValue> | GoStruct;

export interface GoStruct {
  readonly [key: string]: GoValue | undefined;
}

/** JSON byte for byte as Docker 0.11 wrote it (Go 1.2's encoding/json): no white space, no newline at the end. */
export function marshalGo(value: GoValue): string {
  if (typeof value === 'string') return quoteGo(value);
  if (value === null || typeof value !== 'object') return String(value);
  if (value instanceof Map) return braced([...value].sort(byKeyBytes));
  if (isList(value)) return `[${value.map(marshalGo).join(',')}]`;
  return braced(Object.entries(value as GoStruct));
}

/** Compares strings as Go does: by their UTF-8 bytes. */
export function compareBytes(left: string, right: string): number {
  const length = Math.min(left.length, right.length);
  for (let at = 0; at < length; at++) {
    const [a, b] = [left.charCodeAt(at), right.charCodeAt(at)];
    if (a !== b) return byteRank(a) - byteRank(b);
  }
  return left.length - right.length;
}

/** In UTF-8, what UTF-16 writes as surrogate pairs comes after everything else. */
function byteRank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

function braced(entries: readonly (readonly [string, GoValue | undefined])[]): string {
  const members: string[] = [];
  for (const [key, value] of entries) {
    if (value !== undefined) members.push(`${quoteGo(key)}:${marshalGo(value)}`);
  }
  return `{${members.join(',')}}`;
}

/** `JSON.stringify`, with the escapes that Go adds and without the short ones that it lacks. */
export function quoteGo(text: string): string {
  if (NEEDS_NO_ESCAPE.test(text)) return `"${text}"`;
  return JSON.stringify(text.replace(/\p{Surrogate}/gu, '\ufffd')).replace(
    /\\.|[<>&\u2028\u2029]/g,
    (match) => GO_ESCAPES[match] ?? match,
  );
}

/** Nearly every name and id. */
const NEEDS_NO_ESCAPE = /^[\w./:@+ -]*$/;

const GO_ESCAPES: Readonly<Record<string, string>> = {
  '<': '\\u003c',
  '>': '\\u003e',
  '&': '\\u0026',
  '\u2028': '\\u2028',
  '\u2029': '\\u2029',
  '\\b': '\\u0008',
  '\\t': '\\u0009',
  '\\f': '\\u000c',
};

function byKeyBytes(left: readonly [string, unknown], right: readonly [string, unknown]): number {
  return compareBytes(left[0], right[0]);
}

function isList(value: object): value is readonly GoValue[] {
  return Array.isArray(value);
}
