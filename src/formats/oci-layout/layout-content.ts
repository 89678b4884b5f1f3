import type { Descriptor } from '../../image/manifest.ts';
import type { ImageContent } from '../content.ts';
import type { FormatContext } from '../context.ts';
import { checkLength } from '../read-manifest.ts';
import { readDocument } from '../read-document.ts';
import type { LayoutFiles } from './layout-files.ts';

/** What descriptors refer to, in an OCI layout. */
export function layoutContent(files: LayoutFiles, context: FormatContext): ImageContent {
  return {
    called: 'the layout',
    document: async (descriptor: Descriptor, what: string) => {
      const { digest, size } = descriptor;
      const blob = await files.blob(digest);
      if (blob === null) return null;
      checkLength(blob, descriptor, what);
      return readDocument({ ...blob, digest, size }, what, context.documents);
    },
    blob: ({ digest }) => files.blob(digest),
  };
}
