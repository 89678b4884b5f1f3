// What `npm pack` would publish: everything a user needs, nothing that only developers do.
import { execFileSync } from 'node:child_process';

const NEEDED = [
  'package.json',
  'README.md',
  'LICENSE',
  'CHANGELOG.md',
  'config/default.json',
  'config/job.schema.json',
  'config/events.schema.json',
  'config/report.schema.json',
  'dist/src/index.js',
  'dist/src/index.d.ts',
  'dist/src/driver-suite/suite.js',
  'dist/src/driver-suite/suite.d.ts',
  'dist/src/cli/main.js',
  'dist/src/cli/program.cjs',
  'dist/workers/main.js',
  'dist/THIRD-PARTY.txt',
];
const ALLOWED =
  /^(dist\/src\/.+\.(js|d\.ts|js\.map)|dist\/src\/cli\/program\.cjs(\.map)?|dist\/workers\/main\.js|dist\/THIRD-PARTY\.txt|config\/(default|[a-z]+\.schema|profiles\/[^/]+)\.json|[^/]+)$/;

const [{ files }] = JSON.parse(execFileSync('npm', ['pack', '--dry-run', '--json'], { encoding: 'utf8' }));
const paths = files.map(({ path }) => path);
const missing = NEEDED.filter((path) => !paths.includes(path));
const extra = paths.filter((path) => !ALLOWED.test(path) || path.endsWith('.dev.mjs'));
if (!paths.some((path) => path.startsWith('config/profiles/'))) missing.push('config/profiles/*.json');

for (const path of missing) console.error(`npm pack lacks ${path}`);
for (const path of extra) console.error(`npm pack holds ${path}, which nobody needs`);
if (missing.length + extra.length > 0) process.exit(1);
console.log(`npm pack: ${paths.length} files`);
