// Makes a fresh clone ready for `npm test` and `npm run demo`: installs when the installed packages are not those of the
// lock file, builds when dist is missing or older than a source. Does nothing, quickly, when both are there.
import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

function installed() {
  try {
    const wanted = JSON.parse(readFileSync(`${root}package-lock.json`, 'utf8')).packages;
    const found = JSON.parse(readFileSync(`${root}node_modules/.package-lock.json`, 'utf8')).packages;
    // Packages for other platforms are in the lock file only, and are optional.
    return Object.entries(wanted).every(
      ([path, { version, optional }]) => path === '' || found[path]?.version === version || (optional && !found[path]),
    );
  } catch {
    return false;
  }
}

function newest(path) {
  const top = statSync(root + path);
  const inside = top.isDirectory() ? readdirSync(root + path, { recursive: true, encoding: 'utf8' }) : [];
  return Math.max(top.mtimeMs, ...inside.map((name) => statSync(`${root}${path}/${name}`).mtimeMs));
}

function built() {
  const entry = statSync(`${root}dist/src/cli/main.js`, { throwIfNoEntry: false });
  return (
    entry !== undefined &&
    entry.mtimeMs >=
      Math.max(...['src', 'workers', 'tsconfig.json', 'config/tsconfig.build.json', 'config/bundle.mjs'].map(newest))
  );
}

function npm(...args) {
  const { status, error } = spawnSync('npm', args, { cwd: root, stdio: ['ignore', 2, 2] });
  if (error) console.error(`npm could not be started: ${error.message}`);
  if (status !== 0) process.exit(status ?? 1);
}

if (!installed()) npm('ci');
if (!built()) npm('run', 'build');
