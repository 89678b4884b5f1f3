import { isDigest } from '../../identity/digest.ts';
import { quoted } from '../../image/strict-json.ts';
import type { ImportNotes, Section } from './import-notes.ts';
import { addCreds, anywhere, inRegistry, rangeOf, secretOf } from './import-words.ts';
import type { JobEntry } from './job-schema.ts';

export const SKOPEO_KEYS: readonly string[] = ['images', 'images-by-tag-regex', 'images-by-semver'];

/** Takes over what `skopeo sync --src yaml` reads (skopeo-sync(1)). It says nothing of where images go. */
export function importSkopeo(file: Section, notes: ImportNotes, target: string | undefined): void {
  if (target === undefined) {
    notes.problem([], 'a file of skopeo sync does not say where images go; give a target such as docker://HOST/PATH/');
    return;
  }
  for (const registry of file.keys) {
    const section = file.section(registry)!;
    readImages(registry, section, belowTarget(target), notes);
    readAccess(registry, section, notes);
    section.warnOfRest({});
  }
}

/** To skopeo a registry is always a place for many. */
function belowTarget(target: string): string {
  return /^docker:\/\/[^{}]*[^/{}]$/.test(target) ? `${target}/` : target;
}

function readImages(registry: string, section: Section, target: string, notes: ImportNotes): void {
  const images = section.section('images');
  for (const name of images?.keys ?? []) {
    const path = [...images!.path, name];
    const source = inRegistry(`${registry}/${name}`);
    const references = images!.texts(name) ?? [];
    if (references.length === 0) notes.add(path, { source, target, type: 'repository' });
    for (const reference of references) {
      if (isDigest(reference))
        notes.warn(path, 'an image that is named by a digest has no tag, so the target must say one');
      notes.add(path, { source: `${source}${isDigest(reference) ? '@' : ':'}${reference}`, target, type: 'image' });
    }
  }
  const filtered = (key: string, tagsOf: (text: string[]) => JobEntry['tags']): void => {
    const chosen = section.section(key);
    for (const name of chosen?.keys ?? []) {
      const texts = chosen!.texts(name);
      const source = inRegistry(`${registry}/${name}`);
      if (texts === undefined) notes.leaveOut([...chosen!.path, name], `nothing says which tags of ${quoted(source)}`);
      else notes.add([...chosen!.path, name], { source, target, type: 'repository', tags: tagsOf(texts) });
    }
  };
  filtered('images-by-tag-regex', (patterns) => ({ allow: patterns.map(anywhere) }));
  filtered('images-by-semver', (ranges) => ({ semver: ranges.map(rangeOf) }));
}

function readAccess(registry: string, section: Section, notes: ImportNotes): void {
  const credentials = section.section('credentials');
  const [user, pass] = [credentials?.text('username'), credentials?.text('password')];
  credentials?.warnOfRest({});
  const tls = section.yes('tls-verify');
  const isWhole = user !== undefined && pass !== undefined;
  addCreds(
    {
      registry,
      user: isWhole ? user : undefined,
      pass: isWhole ? secretOf(pass, registry, [...section.path, 'credentials', 'password'], notes) : undefined,
      tls: tls === false ? 'insecure' : undefined,
      certDir: section.text('cert-dir'),
    },
    notes,
  );
}
