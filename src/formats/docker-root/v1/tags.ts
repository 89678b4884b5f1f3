import { isEngineError } from '../../../errors/kinds.ts';
import { imageReference, isDigestReference } from '../../../identity/reference.ts';
import { quoted } from '../../../image/strict-json.ts';
import { decodeRepositories } from '../../../image/v1-compat.ts';
import { brokenImage } from '../../broken.ts';
import { taggedName } from '../../names.ts';
import type { RootFiles } from '../root-files.ts';

const TAG_FILE = /^repositories(?:-([a-z0-9]+))?$/;

/** A tag file of 100,000 tags has about 15 MB. */
const TAG_FILE_LIMITS = { bytes: 256 * 1024 * 1024, depth: 8, layers: 0, nesting: 0 };

/** What the tag files of a data directory say together. */
export interface RootTags {
  /** Id → `repository:tag` in familiar form, in the order of the files. */
  names: Map<string, string[]>;
  /** Id → `repository@digest` (1.6 and newer). */
  digests: Map<string, string[]>;
  /** The drivers that have such a file. */
  drivers: string[];
  warnings: string[];
}

/** Reads `repositories-<driver>` of every driver, and the `repositories` of Docker before 0.7. */
export async function readTags(files: RootFiles): Promise<RootTags> {
  const tags: RootTags = { names: new Map(), digests: new Map(), drivers: [], warnings: [] };
  const taken = new Map<string, string>();
  for (const file of await files.names('')) {
    const driver = TAG_FILE.exec(file)?.[1];
    if (!TAG_FILE.test(file)) continue;
    if (driver !== undefined) tags.drivers.push(driver);
    try {
      const raw = (await files.read(file, TAG_FILE_LIMITS)) ?? Buffer.from('{}');
      for (const [repository, references] of decodeRepositories(raw)) {
        for (const [reference, id] of references) add(tags, taken, { file, repository, reference, id });
      }
    } catch (error) {
      const problem = brokenImage(file, error).error;
      tags.warnings.push(`${quoted(file)} cannot be read, so its names are lost: ${problem.message}`);
    }
  }
  return tags;
}

interface Line {
  file: string;
  repository: string;
  reference: string;
  id: string;
}

function add(tags: RootTags, taken: Map<string, string>, { file, repository, reference, id }: Line): void {
  if (isDigestReference(reference)) return push(tags.digests, id, imageReference(repository, reference));
  const name = nameOf(tags, `${repository}:${reference}`);
  if (name === null) return push(tags.names, id);
  const other = taken.get(name);
  if (other !== undefined && other !== id) {
    tags.warnings.push(
      `${name} is another image by ${quoted(file)} than by the tag file of another driver; that one keeps it`,
    );
    return push(tags.names, id);
  }
  taken.set(name, id);
  if (other === undefined) push(tags.names, id, name);
}

function nameOf(tags: RootTags, written: string): string | null {
  try {
    return taggedName(written);
  } catch (error) {
    if (!isEngineError(error)) throw error;
    tags.warnings.push(`the name ${quoted(written)} is left out: ${error.message}`);
    return null;
  }
}

/** Notes the id also when it gets no name: whoever was named is an image to give. */
function push(into: Map<string, string[]>, id: string, ...names: string[]): void {
  const known = into.get(id) ?? [];
  known.push(...names);
  into.set(id, known);
}
