import type { Bytes } from '../system/system.ts';

export function join(dir: Bytes, name: Bytes): Bytes {
  if (dir === '') return name;
  return name === '' ? dir : `${dir}/${name}`;
}

/** `a/b/c` → `a/b` and `c`; `a` → `` and `a`. */
export function splitPath(path: Bytes): { dir: Bytes; base: Bytes } {
  const slash = path.lastIndexOf('/');
  return slash < 0 ? { dir: '', base: path } : { dir: path.slice(0, slash), base: path.slice(slash + 1) };
}
