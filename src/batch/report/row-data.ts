import * as v from 'valibot';
import { EQUALITIES } from '../../coordinator/copy/equality.ts';
import { engineError } from '../../errors/kinds.ts';
import type { ImageDone } from '../events.ts';
import type { Json } from '../ledger/ledger.ts';
import type { PlannedBlob, PlannedImage } from '../plan/plan.ts';

/** Of a planned image what a report tells. */
export type ReportedPlannedImage = Pick<
  PlannedImage,
  'kind' | 'source' | 'ref' | 'place' | 'names' | 'destination' | 'only' | 'additional' | 'platform' | 'blobs'
> & { digest: string | null };

export type ReportedPlannedBlob = Pick<PlannedBlob, 'profile' | 'size' | 'destination' | 'there' | 'image'> & {
  digest: string;
  diffId: string;
};

/** Of the plan what a report tells. */
export interface ReportedPlan {
  sources: { location: string }[];
}

type DoneFields = 'source' | 'equality' | 'changed' | 'bytes';
export type ReportedDone = Pick<ImageDone, DoneFields> & {
  sourceDigest: string | null;
  digest: string | null;
  warnings: string[];
};

const text = v.string();
const count = v.pipe(v.number(), v.minValue(0));
const maybe = v.nullable(text);

const IMAGE = v.object({
  kind: v.picklist(['image', 'index', 'artifact']),
  source: count,
  ref: text,
  place: v.nullable(count),
  names: v.array(text),
  only: maybe,
  additional: v.array(text),
  destination: text,
  digest: maybe,
  platform: maybe,
  blobs: v.array(text),
});

const BLOB = v.object({
  digest: text,
  diffId: text,
  profile: text,
  size: v.nullable(count),
  destination: text,
  there: v.boolean(),
  image: text,
});

const DONE = v.object({
  source: text,
  sourceDigest: maybe,
  digest: maybe,
  bytes: count,
  changed: v.boolean(),
  equality: v.picklist(EQUALITIES),
  warnings: v.array(text),
});

const PLAN = v.object({ sources: v.array(v.object({ location: text })) });

export function plannedImage(data: Json, location: string): ReportedPlannedImage {
  return decoded(IMAGE, data, location, 'an image');
}

export function plannedBlob(data: Json, location: string): ReportedPlannedBlob {
  return decoded(BLOB, data, location, 'a layer');
}

export function imageDone(data: Json, location: string): ReportedDone {
  return decoded(DONE, data, location, 'what came of an image');
}

export function reportedPlan(data: Json, location: string): ReportedPlan {
  return decoded(PLAN, data, location, 'the plan');
}

function decoded<Output>(schema: v.GenericSchema<unknown, Output>, data: Json, path: string, what: string): Output {
  const result = v.safeParse(schema, data, { abortEarly: true });
  if (result.success) return result.output;
  const place = v.getDotPath(result.issues[0]) ?? 'its whole';
  const message = `${path} does not say ${what} as layermill writes it (${place}); only what layermill wrote can be reported`;
  throw engineError('LEDGER_INVALID', message, { path });
}
