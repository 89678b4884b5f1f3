import type { ImageConfig } from './image-config.ts';
import type { ModernImage } from './image-source.ts';

/** What a source says of an image beside what its config says. */
type AboutImage = Omit<ModernImage, 'kind' | 'config' | 'configDigest' | 'platform'>;

/** A content-addressed image with this config. */
export function modernImage(config: ImageConfig, about: AboutImage): ModernImage {
  return { kind: 'modern', config: config.raw, configDigest: config.digest, platform: config.platform, ...about };
}
