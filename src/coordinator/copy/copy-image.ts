import { profileText } from '../../compression/profile-text.ts';
import { engineError } from '../../errors/kinds.ts';
import { decodeConfig } from '../../image/decode-config.ts';
import { editManifest, type Target } from '../../image/edit-manifest.ts';
import type { SinkImage, V1Link } from '../../image/image-sink.ts';
import type { ModernImage } from '../../image/image-source.ts';
import { formatOf } from '../../image/media-types.ts';
import { formatPlatform } from '../../image/platform.ts';
import { v1ChainOfModern } from '../../image/v1-of-modern.ts';
import type { CopyTerms, CopyResult } from '../jobs/copy.ts';
import { type Equality, equalityText, refuseChange, v1EqualityText } from './equality.ts';
import type { CopiedLayer, LayerCopier } from './layer-copier.ts';

/** An image that is asked for, with what is known of it before its layers are read. */
export interface ImageToCopy {
  source: string;
  image: ModernImage;
  names: readonly string[];
  /** Of an image that came as v1 images. */
  chain: readonly V1Link[] | null;
}

/** How an image stands among the others of its destination, where that is for who brings it to say. */
export interface Standing {
  names: string[];
  /** The one name in the destination, beside which there are only additional ones; null for all of `names`. */
  ref: string | null;
  additional: readonly string[];
  order: number;
}

/** An image whose layers are in the destination. */
export interface PreparedImage {
  asked: ImageToCopy;
  foreseen: Equality;
  layers: CopiedLayer[];
  seconds: number;
}

/** What of the image can stay the same. Throws MANIFEST_NOT_PRESERVED or CHANGE_NOT_ALLOWED where that is not enough. */
export async function foreseeEquality(job: CopyTerms, copier: LayerCopier, asked: ImageToCopy): Promise<Equality> {
  const { image } = asked;
  const profiles = await Promise.all(image.layers.map((layer) => copier.profileOf(layer)));
  const packed = profiles.find((profile) => profile !== null) ?? null;
  const equality = equalityOf(job, asked, packed !== null);
  if (job.preserveDigests === true && equality !== 'identical') {
    const reason = whyNot(job, image, packed === null ? null : profileText(packed));
    const message = `the manifest of ${image.ref} cannot stay the same: ${reason}; it was not copied`;
    throw engineError('MANIFEST_NOT_PRESERVED', message, { name: image.ref, reason });
  }
  if (job.allow !== undefined) refuseChange(image.ref, equality, job.allow);
  return equality;
}

function equalityOf({ sink, format }: CopyTerms, { image, chain }: ImageToCopy, packed: boolean): Equality {
  if (!sink.keepsManifests) return chain === null ? 'config' : 'identical';
  if (chain !== null) return 'config';
  if (image.manifest === null) return 'manifest';
  if (format !== undefined && formatOf(image.manifest.mediaType) !== format) return 'manifest';
  return packed ? 'diffids' : 'identical';
}

function whyNot({ sink, format }: CopyTerms, image: ModernImage, packed: string | null): string {
  if (!sink.keepsManifests) return 'the destination has no place for it';
  if (image.manifest === null) return 'it came without one';
  if (packed !== null) return `its layers are packed anew (${packed})`;
  return `it is translated to the format ${format}`;
}

/** What the sink is to be given. */
export function sinkImage(job: CopyTerms, { asked, layers }: PreparedImage, standing?: Standing): SinkImage {
  const { image, names, chain } = asked;
  const config = decodeConfig(image.config);
  return {
    names: [...names],
    additional: job.additionalNames ?? [],
    ref: null,
    config: image.config,
    configDigest: image.configDigest,
    layers: layers.map(({ diffId, digest, size, mediaType }) => ({ diffId, digest, size, mediaType })),
    manifest: job.sink.keepsManifests ? manifestOf(job, image, layers) : null,
    chain: job.sink.keepsManifests ? null : [...(chain ?? v1ChainOfModern(config))],
    createdSec: Math.floor(Date.parse(config.created ?? '') / 1000) || 0,
    inIndex: image.inIndex,
    ...standing,
  };
}

/** The manifest as it came, or with what has changed; null where there was none: the sink makes one. */
function manifestOf(job: CopyTerms, { manifest }: ModernImage, layers: readonly CopiedLayer[]): SinkImage['manifest'] {
  if (manifest === null) return null;
  const format = job.format ?? formatOf(manifest.mediaType);
  const anew = layers.some(({ profile }) => profile !== null);
  if (!anew && format === formatOf(manifest.mediaType)) return manifest;
  const targets = layers.map(({ mediaType, digest, size }): Target => ({ mediaType, digest, size }));
  return editManifest(manifest, targets, format);
}

export function resultOf(job: CopyTerms, prepared: PreparedImage, manifestDigest: string | null): CopyResult {
  const { asked, layers, foreseen, seconds } = prepared;
  const { image, names, source } = asked;
  const same = manifestDigest !== null && manifestDigest === image.manifest?.digest;
  const equality = same ? 'identical' : foreseen;
  const sent = layers.filter((layer) => layer.sent > 0);
  const sum = (list: readonly CopiedLayer[], field: 'size' | 'sent'): number =>
    list.reduce((bytes, layer) => bytes + layer[field], 0);
  return {
    source,
    ref: image.ref,
    names: [...names],
    platform: image.platform === null ? null : formatPlatform(image.platform),
    configDigest: image.configDigest,
    manifestDigest,
    layers: layers.length,
    bytes: sum(layers, 'size'),
    sent: { layers: sent.length, bytes: sum(sent, 'sent') },
    profile: layers.find(({ profile }) => profile !== null)?.profile ?? 'keep',
    seconds,
    equality,
    equal: job.sink.keepsManifests ? equalityText(equality) : v1EqualityText(equality),
    warnings: image.warnings,
  };
}
