import type { CompressionSettings } from './settings.ts';

/** How layers are packed: a level of undefined is the default of the compression. */
export interface Packing<Compression extends string | undefined> {
  compression: Compression;
  level: number | undefined;
  reproducible: boolean;
}

/** What was asked for, and for the rest what the settings say. */
export function packingWith<Compression extends string | undefined>(
  asked: { compression: Compression; level?: number | undefined; reproducible?: boolean | undefined },
  settings: CompressionSettings,
): Packing<Compression> {
  const { compression, reproducible = settings.reproducible } = asked;
  const configured = configuredLevel(compression, settings);
  return { compression, level: asked.level ?? (configured === 'auto' ? undefined : configured), reproducible };
}

/** The libraries have levels of their own kind: no setting is meant for them. */
function configuredLevel(
  compression: string | undefined,
  { gzipLevel, zstdLevel }: CompressionSettings,
): number | 'auto' {
  switch (compression) {
    case 'gzip':
    case 'gzip:zlib':
    case 'gzip:pako':
      return gzipLevel;
    case 'zstd':
      return zstdLevel;
    default:
      return 'auto';
  }
}
