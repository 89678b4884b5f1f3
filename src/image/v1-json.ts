import type { DocumentLimits } from './document-limits.ts';
import { rawMembers } from './raw-members.ts';

/**
 * The JSON of a v1 image that says its id and its parent itself: 1.8.3 and 1.9 may have left them to the files beside it.
 * Everything else keeps its order and spelling.
 */
export function withLinks(raw: Buffer, id: string, parent: string | null, limits?: DocumentLimits): Buffer {
  const others = rawMembers(raw, 'the image JSON', limits).filter(([key]) => !/^(id|parent)$/i.test(key));
  const links: [string, string][] = [['id', JSON.stringify(id)]];
  if (parent !== null) links.push(['parent', JSON.stringify(parent)]);
  const members = [...links, ...others].map(([key, value]) => `${JSON.stringify(key)}:${value}`);
  return Buffer.from(`{${members.join(',')}}`);
}
