import { describe, expect, it } from 'vitest';
import { subjectOf, subjectOfTag, subjectTags } from '../../src/image/subject-tag.ts';
import { sha256Digest } from '../../src/identity/digest.ts';

const digest = sha256Digest(Buffer.from('it'));
const other = sha256Digest(Buffer.from('other'));

describe('tags made of digests', () => {
  it('say what they are about', () => {
    expect(subjectTags(digest).map(subjectOfTag)).toEqual([digest, digest, digest]);
  });

  it.each(['v1', 'sha256-.sig', 'sha256-abc.sig', `${digest}.sig`, `${digest.replace(':', '-')}.txt`])(
    'are not like %s',
    (tag) => expect(subjectOfTag(tag)).toBeNull(),
  );

  it('are believed before what they lead to', () => {
    expect(subjectOf({ subject: other, tag: null })).toBe(other);
    expect(subjectOf({ subject: other, tag: subjectTags(digest)[0]! })).toBe(digest);
  });
});
