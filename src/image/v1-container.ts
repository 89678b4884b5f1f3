import { validateImageId } from '../identity/image-id.ts';
import { sha256Digest, digestHex, type Digest } from '../identity/digest.ts';
import type { DocumentLimits } from './document-limits.ts';
import { rawMembers } from './raw-members.ts';
import { jsonInvalid, parseStrictJson, pickFields } from './strict-json.ts';

const WHAT = "the container's config.json";
const TIME = /^(?!0001-)\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

/** A container as `containers/<id>/config.json` of Docker 1.9 and older describes it. */
export interface V1Container {
  id: string;
  /** Without the slash that Docker wrote in front. */
  name: string;
  /** The v1 id of its image. */
  image: string;
  running: boolean;
  /** RFC 3339: when it ended, or was made if it never ran; null where neither is said. */
  changed: string | null;
  /** What it runs, as it is written; null where that is missing. */
  config: string | null;
}

/** Throws JSON_INVALID, INVALID_ID or LIMIT_EXCEEDED. */
export function decodeV1Container(raw: Buffer, id: string, limits?: DocumentLimits): V1Container {
  const members = new Map(rawMembers(raw, WHAT, limits));
  const { Name, Image, State, Created } = pickFields(
    parseStrictJson(raw, WHAT, limits) as object,
    ['Name', 'Image', 'State', 'Created'],
    WHAT,
  );
  const state = typeof State === 'object' && State !== null ? pickFields(State, ['Running', 'FinishedAt'], WHAT) : {};
  if (typeof Image !== 'string') throw jsonInvalid(WHAT, 'it names no image');
  const config = members.get('Config');
  return {
    id,
    name: typeof Name === 'string' && Name !== '' ? Name.replace(/^\//, '') : id,
    image: validateImageId(Image),
    running: state.Running === true,
    changed:
      [state.FinishedAt, Created].find((time): time is string => typeof time === 'string' && TIME.test(time)) ?? null,
    config: config === undefined || config === 'null' ? null : config,
  };
}

/**
 * The JSON of the v1 image that `docker commit` would have made of a container, and its id, which follows from it and the
 * DiffID of its layer: the same container is the same image every time.
 */
export function commitJson(
  container: V1Container,
  platform: { architecture: string; os: string },
  diffId: Digest,
): { id: string; json: Buffer } {
  const text = (key: string, value: string): string[] => (value === '' ? [] : [`"${key}":${JSON.stringify(value)}`]);
  const members = [
    ...text('parent', container.image),
    ...text('created', container.changed ?? '1970-01-01T00:00:00Z'),
    ...text('container', container.id),
    `"container_config":${container.config ?? '{}'}`,
    ...(container.config === null ? [] : [`"config":${container.config}`]),
    ...text('architecture', platform.architecture),
    ...text('os', platform.os),
    '"Size":0',
  ].join(',');
  const id = digestHex(sha256Digest(`{${members}} ${diffId}`));
  return { id, json: Buffer.from(`{"id":"${id}",${members}}`) };
}
