import * as v from 'valibot';
import { engineError } from '../errors/kinds.ts';
import type { EngineError } from '../errors/engine-error.ts';
import { type Digest, parseDigest, sha256Digest } from '../identity/digest.ts';
import { DEFAULT_DOCUMENT_LIMITS, type DocumentLimits } from './document-limits.ts';
import { type HistoryEntry, layerCount } from './history.ts';
import type { ImageConfig } from './image-config.ts';
import { ANY_OBJECT, decode, list, OPTIONAL_STRING, struct } from './json-schema.ts';
import { platformFrom } from './platform.ts';
import { parseStrictJson, quoted } from './strict-json.ts';

const WHAT = 'the image config';

const TIME = v.nullish(v.pipe(v.string(), v.check(isTime, 'Invalid time: RFC 3339 is expected')));

const CONFIG = struct(WHAT, {
  architecture: OPTIONAL_STRING,
  os: OPTIONAL_STRING,
  variant: OPTIONAL_STRING,
  'os.version': OPTIONAL_STRING,
  created: TIME,
  author: OPTIONAL_STRING,
  comment: OPTIONAL_STRING,
  docker_version: OPTIONAL_STRING,
  config: v.nullish(ANY_OBJECT),
  rootfs: struct(WHAT, { type: v.string(), diff_ids: list(v.string()) }),
  history: list(
    struct(WHAT, {
      created: TIME,
      created_by: OPTIONAL_STRING,
      author: OPTIONAL_STRING,
      comment: OPTIONAL_STRING,
      empty_layer: v.nullish(v.boolean()),
    }),
  ),
});

type Fields = v.InferOutput<typeof CONFIG>;

/**
 * Decodes the config of an image. The time is RFC 3339, `rootfs.type` is `layers`, and the history speaks of no more
 * layers than there are; a missing operating system or architecture is accepted and said.
 * Throws CONFIG_INVALID, JSON_INVALID, INVALID_DIGEST or LIMIT_EXCEEDED.
 */
export function decodeConfig(raw: Buffer, limits: DocumentLimits = DEFAULT_DOCUMENT_LIMITS): ImageConfig {
  const fields = decode(CONFIG, parseStrictJson(raw, WHAT, limits), WHAT, 'CONFIG_INVALID');
  if (fields.rootfs.type !== 'layers')
    throw invalid(`its rootfs is of type ${quoted(fields.rootfs.type)}, not "layers"`);
  const diffIds = checkDiffIds(fields.rootfs.diff_ids ?? [], limits);
  const history = (fields.history ?? []).map(historyEntry);
  const steps = layerCount(history);
  if (steps > diffIds.length) throw invalid(`its history makes ${steps} layers, but it has ${diffIds.length}`);
  const platform = platformFrom(fields);
  return {
    raw,
    digest: sha256Digest(raw),
    platform,
    created: fields.created || null,
    author: fields.author ?? null,
    comment: fields.comment ?? null,
    dockerVersion: fields.docker_version ?? null,
    config: fields.config ?? null,
    diffIds,
    history,
    warnings: platform === null ? ['the image config names no operating system or no architecture'] : [],
  };
}

function checkDiffIds(texts: string[], limits: DocumentLimits): Digest[] {
  if (texts.length > limits.layers) {
    throw engineError('LIMIT_EXCEEDED', `the image has ${texts.length} layers; ${limits.layers} are allowed`, {
      limit: 'layers',
      allowed: limits.layers,
    });
  }
  const diffIds = texts.map(parseDigest);
  const other = diffIds.find((diffId) => !diffId.startsWith('sha256:'));
  if (other !== undefined)
    throw invalid(`its DiffID ${other} is not a sha256 digest; write the image with sha256 ones`);
  return diffIds;
}

function historyEntry(step: NonNullable<Fields['history']>[number]): HistoryEntry {
  return {
    created: step.created || null,
    createdBy: step.created_by ?? null,
    author: step.author ?? null,
    comment: step.comment ?? null,
    emptyLayer: step.empty_layer ?? false,
  };
}

/** Old builders write an empty time where there is none. */
function isTime(text: string): boolean {
  if (text === '') return true;
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(text) && !Number.isNaN(Date.parse(text));
}

function invalid(problem: string): EngineError {
  return engineError('CONFIG_INVALID', `${WHAT} is not usable: ${problem}`, { what: WHAT });
}
