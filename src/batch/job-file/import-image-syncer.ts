import { quoted } from '../../image/strict-json.ts';
import { parseRepositoryTag } from '../../identity/reference.ts';
import type { ImportNotes, Section } from './import-notes.ts';
import { addCreds, anywhere, inRegistry, secretOf } from './import-words.ts';
import type { JobEntry } from './job-schema.ts';
import type { Path } from './problems.ts';

/**
 * Takes over the rules of image-syncer (its README): `source: target`, where the source may have several tags or a
 * `/regular expression/` in the place of one. An empty target is below the one that is given here.
 */
export function importImageSyncer(file: Section, notes: ImportNotes, target: string | undefined): void {
  for (const source of file.keys) {
    const path = [...file.path, source];
    const targets = file.texts(source) ?? [''];
    for (const to of targets) readRule(source, to, { path, target }, notes);
  }
}

function readRule(
  source: string,
  to: string,
  { path, target }: { path: Path; target: string | undefined },
  notes: ImportNotes,
): void {
  const from = takeApart(source);
  if (to === '' && target === undefined) {
    notes.leaveOut(
      path,
      `${quoted(source)} goes to a registry that is not in the file; give a target such as docker://HOST/PATH/`,
    );
    return;
  }
  const place = to === '' ? takeApart(defaultPlace(target!, from.repository)) : takeApart(to);
  const entries = entriesOf(from, place);
  if (entries === null) notes.leaveOut(path, `the tags of ${quoted(source)} and ${quoted(to)} do not belong together`);
  for (const entry of entries ?? []) notes.add(path, entry);
}

interface Place {
  repository: string;
  /** Empty for all of them. */
  tags: string[];
  pattern: string | null;
  digest: string | null;
}

function takeApart(text: string): Place {
  const plain = text.replace(/^docker:\/\//, '');
  const [, matched, pattern = null] = /^(.*?):\/(.*)\/$/s.exec(plain) ?? [];
  const { repository, reference } = parseRepositoryTag(matched ?? plain);
  const isDigest = matched === undefined && plain.includes('@');
  const tags = pattern !== null || isDigest || reference === '' ? [] : reference.split(',').map((tag) => tag.trim());
  return { repository, tags, pattern, digest: isDigest ? reference : null };
}

function defaultPlace(target: string, repository: string): string {
  return `${target.replace(/\/+$/, '')}/${repository.slice(repository.lastIndexOf('/') + 1)}`;
}

/** Null where one cannot say which tag goes where. */
function entriesOf(from: Place, to: Place): JobEntry[] | null {
  const [source, target] = [inRegistry(from.repository), inRegistry(to.repository)];
  if (from.digest !== null) {
    const [tag, ...others] = to.tags;
    if (others.length > 0) return null;
    return [
      {
        source: `${source}@${from.digest}`,
        target: `${target}${tag === undefined ? `@${from.digest}` : `:${tag}`}`,
        type: 'image',
      },
    ];
  }
  if (from.tags.length === 0) {
    if (to.tags.length > 0) return null;
    const tags = from.pattern === null ? {} : { tags: { allow: [anywhere(from.pattern)] } };
    return [{ source, target: `${target}:{tag}`, type: 'repository', ...tags }];
  }
  if (to.tags.length > 0 && to.tags.length !== from.tags.length) return null;
  return from.tags.map((tag, index) => {
    return { source: `${source}:${tag}`, target: `${target}:${to.tags[index] ?? tag}`, type: 'image' };
  });
}

/** Takes over how its auth file says that registries are spoken to. */
export function importImageSyncerAuth(file: Section, notes: ImportNotes): void {
  for (const registry of file.keys) {
    const section = file.section(registry)!;
    const [user, pass] = [section.text('username'), section.text('password')];
    const isWhole = user !== undefined && pass !== undefined;
    addCreds(
      {
        registry,
        user: isWhole ? user.replace(/^\$([A-Za-z_]\w*)$/, '${$1}') : undefined,
        pass: isWhole ? secretOf(pass, registry, [...section.path, 'password'], notes) : undefined,
        tls: section.yes('insecure') === true ? 'insecure' : undefined,
      },
      notes,
    );
    section.warnOfRest({ identityToken: 'put it into an auth.json as identitytoken, and name that as authFile' });
  }
}
