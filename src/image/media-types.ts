/** The media types of images: Docker's, and those of the OCI image spec (media-types.md). */
export const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
export const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
export const OCI_CONFIG = 'application/vnd.oci.image.config.v1+json';
const OCI_LAYER = 'application/vnd.oci.image.layer.v1.tar';
export const DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';
export const DOCKER_INDEX = 'application/vnd.docker.distribution.manifest.list.v2+json';
export const DOCKER_CONFIG = 'application/vnd.docker.container.image.v1+json';
const DOCKER_LAYER = 'application/vnd.docker.image.rootfs.diff.tar';
export const DOCKER_SCHEMA1 = 'application/vnd.docker.distribution.manifest.v1+json';
const DOCKER_SCHEMA1_SIGNED = 'application/vnd.docker.distribution.manifest.v1+prettyjws';

const DOCKER_FOREIGN_LAYER = 'application/vnd.docker.image.rootfs.foreign.diff.tar';
const OCI_NONDISTRIBUTABLE_LAYER = 'application/vnd.oci.image.layer.nondistributable.v1.tar';

const LAYERS = layerTypes([OCI_LAYER, OCI_NONDISTRIBUTABLE_LAYER], '+').concat(
  layerTypes([DOCKER_LAYER, DOCKER_FOREIGN_LAYER], '.'),
);

function layerTypes(bases: string[], separator: '+' | '.'): string[] {
  const suffixes = ['', separator === '.' ? '.gzip' : '+gzip', `${separator}zstd`];
  return bases.flatMap((base) => suffixes.map((suffix) => base + suffix));
}

export function isManifestType(mediaType: string): boolean {
  return mediaType === OCI_MANIFEST || mediaType === DOCKER_MANIFEST;
}

export function isIndexType(mediaType: string): boolean {
  return mediaType === OCI_INDEX || mediaType === DOCKER_INDEX;
}

/** A manifest of Docker before 1.10, which has a chain of v1 images instead of a config. */
export function isSchema1Type(mediaType: string): boolean {
  return mediaType === DOCKER_SCHEMA1 || mediaType === DOCKER_SCHEMA1_SIGNED;
}

export function isConfigType(mediaType: string): boolean {
  return mediaType === OCI_CONFIG || mediaType === DOCKER_CONFIG;
}

/** Whether a layer of this type is a changeset that can be read, however it is packed. */
export function isLayerType(mediaType: string): boolean {
  return LAYERS.includes(mediaType);
}

/** Layers whose bytes are meant to be fetched from somewhere else. */
export function isForeignLayerType(mediaType: string): boolean {
  return mediaType.startsWith(DOCKER_FOREIGN_LAYER) || mediaType.startsWith(OCI_NONDISTRIBUTABLE_LAYER);
}

/** A document where a layer would be: signatures and statements about an image, which BuildKit and cosign store so. */
export function isDocumentType(mediaType: string): boolean {
  return mediaType.endsWith('+json');
}

/** Whose types a manifest and what it names have. */
export type ManifestFormat = 'oci' | 'docker';

export function formatOf(mediaType: string): ManifestFormat {
  return mediaType.startsWith('application/vnd.docker.') ? 'docker' : 'oci';
}

/** How a layer of this type says it is packed; null for a type that says nothing about that. */
export function compressionOfType(layerType: string): 'none' | 'gzip' | 'zstd' | null {
  if (!isLayerType(layerType)) return null;
  if (/[+.]gzip$/.test(layerType)) return 'gzip';
  return /[+.]zstd$/.test(layerType) ? 'zstd' : 'none';
}

/**
 * The type of a layer in a manifest of the other format. Foreign layers stay what they are: their bytes may not be where
 * others would look for them.
 */
export function layerTypeAs(format: ManifestFormat, layerType: string): string {
  const compression = compressionOfType(layerType);
  if (compression === null || isForeignLayerType(layerType) || formatOf(layerType) === format) return layerType;
  if (format === 'oci') return ociLayerType(compression);
  return compression === 'none' ? DOCKER_LAYER : `${DOCKER_LAYER}.${compression}`;
}

/** The OCI type of a layer packed this way. */
export function ociLayerType(compression: 'none' | 'gzip' | 'zstd'): string {
  return compression === 'none' ? OCI_LAYER : `${OCI_LAYER}+${compression}`;
}
