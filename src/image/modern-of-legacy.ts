import { type Digest, sha256Digest } from '../identity/digest.ts';
import { compareBytes, type GoStruct } from '../reporting/go-json.ts';
import { goTime, marshalLater, reencodeV1 } from './later-v1.ts';
import { rawMembers } from './raw-members.ts';
import { decodeImageJson } from './v1-compat.ts';

const WHAT = 'the image JSON';

/** Members of a v1 image's JSON that say where it stood, and not what it is. */
const DROPPED: ReadonlySet<string> = new Set(['id', 'parent', 'Size', 'parent_id', 'layer_id', 'throwaway']);

/** Before this version the JSON of an image had fields that a config has not. */
const FIRST_KEPT = [1, 8, 3];

/**
 * The config of the content-addressed image that Docker 1.10 made of a v1 image when it migrated its store, byte for byte:
 * so the image has the id that it has there. `chain` is base first, with the DiffID of each layer (null for an image
 * without one, which is a step of the history only with `emptySteps`, as in what Docker made of a manifest of schema 1). `base` is the config of a content-addressed image below the chain.
 * Throws JSON_INVALID or LIMIT_EXCEEDED.
 */
export function modernOfLegacy(
  chain: readonly { json: Buffer }[],
  diffIds: readonly (Digest | null)[],
  base: Buffer | null = null,
  emptySteps = false,
): { raw: Buffer; digest: Digest } {
  const inherited = base === null ? { diffIds: [], history: [] } : readBase(base);
  const steps = chain.flatMap(({ json }, index) => {
    const empty = diffIds[index] === null;
    return empty && !emptySteps ? [] : [marshalLater(historyStep(json, empty))];
  });
  const history = [...inherited.history, ...steps];
  const layers = [...inherited.diffIds, ...diffIds.filter((diffId) => diffId !== null)];
  const rootfs = layers.length === 0 ? { type: 'layers' } : { type: 'layers', diff_ids: layers };
  const members = membersOf(chain.at(-1)!.json).filter(([key]) => !DROPPED.has(key));
  members.push(['rootfs', JSON.stringify(rootfs)], ['history', `[${history.join(',')}]`]);
  const sorted = members.toSorted(([left], [right]) => compareBytes(left, right));
  const raw = Buffer.from(`{${sorted.map(([key, value]) => `${marshalLater(key)}:${value}`).join(',')}}`);
  return { raw, digest: sha256Digest(raw) };
}

/** As they are written, or what 1.10 made of what an older version wrote. */
function membersOf(json: Buffer): [key: string, value: string][] {
  const kept = compareVersions(decodeImageJson(json).dockerVersion, FIRST_KEPT) >= 0;
  return rawMembers(kept ? json : reencodeV1(json), WHAT)
    .filter(([key]) => key !== 'rootfs' && key !== 'history')
    .map(([key, value]) => [key, escapeHtml(value)]);
}

/** Numbers between dots; what is none counts as 0. */
function compareVersions(version: string, other: readonly number[]): number {
  const parts = version.split('.').map((part) => (/^[+-]?\d+$/.test(part) ? Number(part) : 0));
  for (let at = 0; at < Math.max(parts.length, other.length); at++) {
    const difference = (parts[at] ?? 0) - (other[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function historyStep(json: Buffer, empty: boolean): GoStruct {
  const { created, author, containerConfig, comment } = decodeImageJson(json);
  const text = (value: string): string | undefined => (value === '' ? undefined : value);
  return {
    created: goTime(created),
    author: text(author),
    created_by: text((containerConfig.Cmd ?? []).join(' ')),
    comment: text(comment),
    empty_layer: empty || undefined,
  };
}

const HTML_ESCAPES: Readonly<Record<string, string>> = {
  '<': '\\u003c',
  '>': '\\u003e',
  '&': '\\u0026',
  '\u2028': '\\u2028',
  '\u2029': '\\u2029',
};

/** Outside strings JSON has none of these. */
function escapeHtml(json: string): string {
  return json.replace(/[<>&\u2028\u2029]/g, (char) => HTML_ESCAPES[char]!);
}

function readBase(base: Buffer): { diffIds: Digest[]; history: string[] } {
  const { rootfs, history } = JSON.parse(base.toString('utf8')) as {
    rootfs?: { diff_ids?: Digest[] };
    history?: unknown[];
  };
  return { diffIds: rootfs?.diff_ids ?? [], history: (history ?? []).map((step) => JSON.stringify(step)) };
}
