import { shownName } from '../archive/shown-name.ts';
import { engineError } from '../errors/kinds.ts';
import type { EngineError } from '../errors/engine-error.ts';
import type { Bytes } from '../system/system.ts';
import type { ArchiveMember } from '../tasks/task-map.ts';

/**
 * The members of an outer archive by cleaned name: `./a`, `/a` and `a` are one. Of several with one name the last
 * counts, as it does for loaders that extract. Names that climb with `..` are nobody's and left out. Nothing is ever
 * extracted: a name only finds a range of bytes.
 */
export class Members {
  readonly #byName = new Map<Bytes, ArchiveMember>();
  readonly #repeated = new Set<Bytes>();

  constructor(list: readonly ArchiveMember[]) {
    for (const member of list) {
      const name = cleanName(member.name);
      if (name === null) continue;
      if (this.#byName.has(name)) this.#repeated.add(name);
      this.#byName.set(name, member);
    }
  }

  has(name: Bytes): boolean {
    return this.#byName.has(name);
  }

  isRepeated(name: Bytes): boolean {
    return this.#repeated.has(name);
  }

  names(): Iterable<Bytes> {
    return this.#byName.keys();
  }

  /**
   * The regular member that `name` leads to, through links inside the archive; undefined when nothing has the name.
   * Throws ARCHIVE_INVALID for names and links that leave the archive, go round in circles, lead nowhere, or end at
   * what is no file.
   */
  file(name: string): ArchiveMember | undefined {
    let at = cleanName(Buffer.from(name, 'utf8').toString('latin1'));
    if (at === null) throw memberInvalid(name, 'its name leaves the archive');
    if (!this.#byName.has(at)) return undefined;
    const seen = new Set<Bytes>();
    for (;;) {
      const member: ArchiveMember | undefined = this.#byName.get(at);
      if (member === undefined)
        throw memberInvalid(name, `it leads to "${shownName(at)}", which is not in the archive`);
      if (member.type === 'file') return member;
      if (seen.has(at)) throw memberInvalid(name, 'its links go round in circles');
      seen.add(at);
      at = this.#target(name, at, member);
    }
  }

  /** As `file`, for what must be a file itself and not a link to one. */
  plainFile(name: Bytes): ArchiveMember | undefined {
    const member = this.#byName.get(name);
    if (member === undefined || member.type === 'file') return member;
    throw memberInvalid(name, `it is a ${member.type}, not a file`);
  }

  #target(name: string, at: Bytes, member: ArchiveMember): Bytes {
    if (member.type !== 'symlink' && member.type !== 'hardlink') {
      throw memberInvalid(name, 'it is no regular file');
    }
    // The name in a hard link counts from the archive's root, the target of a symbolic one from where the link is.
    const base = member.type === 'hardlink' ? '' : at.slice(0, at.lastIndexOf('/') + 1);
    const target =
      member.type === 'symlink' && member.linkname.startsWith('/') ? null : resolveInside(base + member.linkname);
    if (target === null) throw memberInvalid(name, `its link to "${shownName(member.linkname)}" leaves the archive`);
    return target;
  }
}

export function memberInvalid(name: string, problem: string): EngineError {
  const member = shownName(Buffer.from(name, 'utf8').toString('latin1'));
  return engineError('ARCHIVE_INVALID', `the member "${member}" of the archive is not usable: ${problem}`, { member });
}

/** Null when the name climbs; `''` for the root. */
function cleanName(name: Bytes): Bytes | null {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  return parts.includes('..') ? null : parts.join('/');
}

/** Takes `..` as far as the root; null beyond it. */
function resolveInside(path: Bytes): Bytes | null {
  const parts: Bytes[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.pop() === undefined) return null;
  }
  return parts.join('/');
}
