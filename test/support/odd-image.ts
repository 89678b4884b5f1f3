import { type FixtureImage, fixtureImage, packedLayer } from './image-fixture.ts';
import { device, dir, fifo, file, hardlink, symlink, tar } from './tar-fixture.ts';

const BIG = Buffer.alloc(3_000_000, 'layers compress well when they repeat themselves\n');

/** An image with most of what layers can hold, whiteouts in it, for programs that are to agree about its tree. */
export function oddImage(name: string): FixtureImage {
  const base = tar([
    dir('bin/', { mtime: 1000 }),
    file('bin/tool', BIG, { mode: 0o755, mtime: 1001 }),
    file('bin/sudo', 'setuid', { mode: 0o4755, mtime: 1002 }),
    hardlink('bin/alias', 'bin/tool', { mode: 0o755, mtime: 1001 }),
    symlink('sbin', 'bin', { mode: 0o777, mtime: 1003 }),
    dir('etc/', { mode: 0o750, uid: 10, gid: 20, mtime: 1004 }),
    file('etc/passwd', 'root:x:0:0\n', { mtime: 1005 }),
    file('etc/shadow', 'secret', { mode: 0o600, gid: 42, mtime: 1006 }),
    file('etc/owner', '', { uid: 300_000, gid: 300_001, mtime: 1007 }),
    dir('tmp/', { mode: 0o1777, mtime: 1008 }),
    dir('run/', { mtime: 1009 }),
    fifo('run/pipe', { mode: 0o622, mtime: 1010 }),
    device('char', 'run/null', 1, 3, { mode: 0o666, mtime: 1011 }),
    dir('opt/', { mtime: 1012 }),
    file('opt/old', 'old', { mtime: 1013 }),
    dir('srv/', { mtime: 1014 }),
    file('srv/low', 'low', { mtime: 1015 }),
    file(`srv/${'long-'.repeat(30)}`, 'long', { longName: `srv/${'long-'.repeat(30)}`, mtime: 1016 }),
  ]);
  const change = tar([
    dir('etc/', { mode: 0o755, mtime: 2000 }),
    file('etc/passwd', 'root:x:0:0\nuser:x:1:1\n', { mtime: 2001 }),
    file('.wh.opt'),
    dir('srv/', { mtime: 2002 }),
    file('srv/.wh..wh..opq'),
    file('srv/up', 'up', { mtime: 2003 }),
    file('tmp/caf\xe9', 'latin1', { mtime: 2004 }),
  ]);
  const top = tar([
    file('bin/.wh.sudo'),
    dir('bin/', { mtime: 3000 }),
    symlink('bin/su', 'tool', { mode: 0o777, mtime: 3001 }),
  ]);
  return fixtureImage(
    [base, change, top].map((bytes) => packedLayer(bytes, 'gzip')),
    { names: [name] },
  );
}
