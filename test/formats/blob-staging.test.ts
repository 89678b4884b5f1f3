import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { BlobStaging } from '../../src/formats/blob-staging.ts';
import { sha256Digest } from '../../src/identity/digest.ts';
import { type FormatLab, openFormatLab } from '../support/format-context.ts';

const bytes = Buffer.from('blob');
const digest = sha256Digest(bytes);

let lab: FormatLab;
beforeEach(() => (lab = openFormatLab()));
afterEach(() => lab.close());

function file(name: string, content: Buffer): { path: string; size: number } {
  const path = join(lab.dir, name);
  writeFileSync(path, content);
  return { path, size: content.length };
}

it('who brings a blob that did not come from somebody else has it taken', async () => {
  const staging = await BlobStaging.create(lab.dir, { mayLink: false }, lab.context);
  const wrong = staging.put(digest, file('wrong', Buffer.from('blub')), false);
  const right = staging.put(digest, file('right', bytes), false);
  await expect(wrong).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
  await right;
  expect(await staging.has(digest, bytes.length)).toBe(true);
  expect(readFileSync(staging.blob(digest)!.path)).toEqual(bytes);
});

it('a blob that was on its way and did not come is not there', async () => {
  const staging = await BlobStaging.create(lab.dir, { mayLink: false }, lab.context);
  const wrong = staging.put(digest, file('wrong', Buffer.from('blub')), false);
  const there = staging.has(digest, bytes.length);
  await expect(wrong).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
  expect(await there).toBe(false);
});

it('takes a document that could not be written the first time', async () => {
  const staging = await BlobStaging.create(lab.dir, { mayLink: false }, lab.context);
  rmSync(staging.path, { recursive: true });
  await expect(staging.putBytes(Buffer.from('{}'))).rejects.toMatchObject({ code: 'ENOENT' });
  mkdirSync(staging.path);
  const document = await staging.putBytes(Buffer.from('{}'));
  expect([...staging.blobs()].map(([blob]) => blob)).toEqual([document]);
});
