import type { ModernImage } from '../../image/image-source.ts';
import { profileText } from '../../compression/profile-text.ts';
import type { CopiedLayer, LayerCopier } from './layer-copier.ts';

/** The layers of an image as they would be in the destination; one whose size is not known yet counts as 0 bytes. */
export async function foreseen(copier: LayerCopier, { layers }: ModernImage): Promise<CopiedLayer[]> {
  return Promise.all(
    layers.map(async (layer) => {
      const { size, there } = await copier.foresee(layer);
      const profile = await copier.profileOf(layer);
      const bytes = size ?? 0;
      return {
        diffId: layer.diffId,
        digest: layer.blob.digest ?? layer.diffId,
        size: bytes,
        mediaType: layer.mediaType ?? '',
        sent: there ? 0 : bytes,
        profile: profile === null ? null : profileText(profile),
      };
    }),
  );
}
