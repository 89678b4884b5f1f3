import type { Bytes, Dir, System } from '../../src/system/system.ts';

/** 20 of them fit into a relative path (4,095 bytes), but not behind the name of a temporary directory. */
const NAME = 'd'.repeat(203);

/** Makes directories in one another, deeper than an absolute path can say; answers how many. */
export function makeDeepTree(system: System, root: string, depth = 20): number {
  let path: Bytes = '';
  for (let made = 0; made < depth; made++) {
    const at = path;
    within(system, root, at, (dir) => must(system.mkdir(dir, NAME, 0o755)));
    path = at === '' ? NAME : `${at}/${NAME}`;
  }
  return depth;
}

/** How many of them there are. */
export function depthOf(system: System, root: string): number {
  let path: Bytes = '';
  for (let depth = 0; ; depth++) {
    const names = within(system, root, path, (dir) => system.readDir(dir));
    if (typeof names === 'number') throw new Error(`readdir failed: ${names}`);
    if (names.length === 0) return depth;
    path = path === '' ? NAME : `${path}/${NAME}`;
  }
}

function within<Result>(system: System, root: string, path: Bytes, work: (dir: Dir) => Result): Result {
  const top = must(system.openRoot(root));
  const dir = must(system.openDir(top, path, 'refuse'));
  try {
    return work(dir);
  } finally {
    system.closeDir(dir);
    system.closeDir(top);
  }
}

function must<Result>(result: Result | number): Result {
  if (typeof result === 'number' && result < 0) throw new Error(`a system call failed: ${result}`);
  return result as Result;
}
