import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, stringify } from 'yaml';
import { quoted } from '../../image/strict-json.ts';
import { jobFileInvalid, type Path, type Problem } from './problems.ts';

/** What a document of a few lines may become by its aliases. */
const MOST_VALUES = 2_000_000;

export interface YamlDocument {
  value: unknown;
  /** The line of a key or an item, from 1; of what is not there, the nearest thing around it. */
  lineOf(path: Path): number | null;
}

/**
 * Reads YAML 1.2, and so JSON: one document, no key twice, no tags, anchors and merge keys within reason. `texts` leaves
 * all values as they are written (`1.10` is a text), for files of tools that read them so. Throws JOB_FILE_INVALID.
 */
export function parseYaml(text: string, file: string, { texts = false }: { texts?: boolean } = {}): YamlDocument {
  const lines = new LineCounter();
  const document: Document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    stringKeys: true,
    logLevel: 'error',
    merge: true,
    ...(texts ? { schema: 'failsafe' } : {}),
  });
  const wrong = [...document.errors, ...document.warnings];
  if (wrong.length > 0) {
    // What follows the first one is mostly what that did to the rest.
    throw jobFileInvalid(file, wrong.slice(0, 5).map(problemAt(lines)));
  }
  return { value: unfold(document, file), lineOf: (path) => lineOf(document, path, lines) };
}

function problemAt(lines: LineCounter): (error: { code: string; message: string; pos: [number, number] }) => Problem {
  return ({ code, message, pos }) => {
    const { line } = lines.linePos(pos[0]);
    return { path: [], line: line === 0 ? null : line, message: MEANINGS[code] ?? lowerFirst(message) };
  };
}

const MEANINGS: Readonly<Record<string, string>> = {
  DUPLICATE_KEY: 'this key is there twice; keep one of them',
  MULTIPLE_DOCS: 'a second document begins here; a job file is one',
  RESOURCE_EXHAUSTION: 'it is nested too deep',
  TAB_AS_INDENT: 'it is indented with a tab; use spaces',
  TAG_RESOLVE_FAILED: 'tags (!…) mean nothing here',
};

function lowerFirst(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1);
}

/** The values, with aliases in place. */
function unfold(document: Document, file: string): unknown {
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: -1 });
  } catch (error) {
    // The package throws a plain ReferenceError for a name that no anchor has.
    const message = error instanceof ReferenceError ? error.message : 'its aliases cannot be followed';
    throw jobFileInvalid(file, [{ path: [], line: null, message: lowerFirst(message) }]);
  }
  if (countValues(value, new Map()) <= MOST_VALUES) return value;
  const message = `with its aliases (*name) filled in it has more than ${MOST_VALUES} values, or one that holds itself`;
  throw jobFileInvalid(file, [{ path: [], line: null, message }]);
}

/** Shared values count each time, and are looked at once; what holds itself counts as infinitely many. */
function countValues(value: unknown, known: Map<object, number>): number {
  if (typeof value !== 'object' || value === null) return 1;
  const before = known.get(value);
  if (before !== undefined) return before;
  known.set(value, Number.POSITIVE_INFINITY);
  const count = Object.values(value).reduce<number>((sum, inner) => sum + countValues(inner, known), 1);
  known.set(value, count);
  return count;
}

function lineOf(document: Document, path: Path, lines: LineCounter): number | null {
  let node: unknown = document.contents;
  let offset = offsetOf(node);
  for (const part of path) {
    const next = childOf(resolved(node, document), part);
    if (next === null) break;
    node = next.node;
    offset = next.offset ?? offset;
  }
  return offset === null ? null : lines.linePos(offset).line;
}

function resolved(node: unknown, document: Document): unknown {
  return isAlias(node) ? node.resolve(document) : node;
}

function childOf(node: unknown, part: string | number): { node: unknown; offset: number | null } | null {
  if (isSeq(node) && typeof part === 'number' && part < node.items.length) {
    const item = node.items[part];
    return { node: item, offset: offsetOf(item) };
  }
  if (!isMap(node)) return null;
  const pair = node.items.find(({ key }) => isScalar(key) && key.value === part);
  return pair === undefined ? null : { node: pair.value, offset: offsetOf(pair.key) };
}

function offsetOf(node: unknown): number | null {
  return (node as Node | null)?.range?.[0] ?? null;
}

/** Plain values as YAML, with lines of comment above it. */
export function printYaml(value: unknown, comments: readonly string[] = []): string {
  const head = comments.map((line) => (line === '' ? '#\n' : `# ${line}\n`)).join('');
  return head + stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });
}

/** For messages: what a value is, with as much of it as helps. */
export function shown(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return quoted(value);
    case 'number':
    case 'boolean':
      return `${value}`;
    default:
      if (value === null || value === undefined) return 'nothing';
      return Array.isArray(value) ? 'a list' : 'a mapping';
  }
}
