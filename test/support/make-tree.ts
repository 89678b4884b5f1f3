import { linkSync, lutimesSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** What is at a path: a file's content, `-> target` for a link, `= path` for a further name, null for a directory. */
export type TreeSpec = Record<string, string | null>;

/** A directory that goes when the scope ends. */
export class Scratch implements Disposable {
  readonly root: string = mkdtempSync(join(tmpdir(), 'layermill-tree-'));

  /** Makes `spec` in the directory `name`; every time is `seconds`, whole. */
  tree(name: string, spec: TreeSpec, seconds = 1_000_000_000): string {
    const root = join(this.root, name);
    mkdirSync(root, { recursive: true, mode: 0o755 });
    addTo(root, spec, seconds);
    return root;
  }

  path(name: string): string {
    return join(this.root, name);
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

export function addTo(root: string, spec: TreeSpec, seconds = 1_000_000_000): void {
  for (const [path, what] of Object.entries(spec)) {
    const full = join(root, path);
    mkdirSync(dirname(full), { recursive: true, mode: 0o755 });
    if (what === null) mkdirSync(full, { recursive: true, mode: 0o755 });
    else if (what.startsWith('-> ')) symlinkSync(what.slice(3), full);
    else if (what.startsWith('= ')) linkSync(join(root, what.slice(2)), full);
    else writeFileSync(full, what, { mode: 0o644 });
    lutimesSync(full, seconds, seconds);
  }
}
