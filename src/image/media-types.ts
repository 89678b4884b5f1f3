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

/** The type of a layer packed this way, for a manifest of this format. */
export function layerTypeIn(format: ManifestFormat, compression: 'none' | 'gzip' | 'zstd'): string {
  if (format === 'oci') return ociLayerType(compression);
  return compression === 'none' ? DOCKER_LAYER : `${DOCKER_LAYER}.${compression}`;
}

/** The OCI type of a layer packed this way. */
export function ociLayerType(compression: 'none' | 'gzip' | 'zstd'): string {
  return compression === 'none' ? OCI_LAYER : `${OCI_LAYER}+${compression}`;
}

/** The OCI name of what may have Docker's: a manifest that we make is an OCI one throughout. */
export function ociTypeOf(layerType: string): string {
  if (!layerType.startsWith(DOCKER_LAYER)) return layerType;
  if (layerType.endsWith('.gzip')) return ociLayerType('gzip');
  return ociLayerType(layerType.endsWith('.zstd') ? 'zstd' : 'none');
}
