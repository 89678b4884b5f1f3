// Makes one file of the program and one of what its threads load: of the 0.27 s until the first layer is read, 0.1 s went
// into finding some 300 modules. What has native code, starts threads itself or is rarely needed stays a package.
// The program is in the old module format: of that V8 can keep what it has compiled (src/cli/compiled-program.ts).
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { build } from 'esbuild';

const MAIN = 'dist/src/cli/main.js';
const PROGRAM = 'dist/src/cli/program.cjs';
const shared = {
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  sourcemap: true,
  sourcesContent: false,
  metafile: true,
};
/**
 * Of undici only what sends requests: its fetch, WebSocket, cache and mocks are half of all the code that the program would
 * have, and load a second undici, the one in Node. A name that is missing here stops the build.
 */
const leanUndici = {
  name: 'lean undici',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^undici$/ }, () => ({ path: 'undici', namespace: 'lean' }));
    onLoad({ filter: /./, namespace: 'lean' }, () => ({
      resolveDir: process.cwd(),
      contents: `
        import Dispatcher from 'undici/lib/dispatcher/dispatcher.js';
        import api from 'undici/lib/api/index.js';
        Object.assign(Dispatcher.prototype, api);
        export { default as Agent } from 'undici/lib/dispatcher/agent.js';
        export { default as Pool } from 'undici/lib/dispatcher/pool.js';
        export { default as ProxyAgent } from 'undici/lib/dispatcher/proxy-agent.js';
        export { default as buildConnector } from 'undici/lib/core/connect.js';`,
    }));
  },
};

await build({ ...shared, entryPoints: ['workers/main.ts'], outfile: 'dist/workers/main.js', packages: 'external' });
// The modules that the bundle replaces; nothing else imports them.
rmSync('dist/src/cli', { recursive: true });
const program = await build({
  ...shared,
  entryPoints: ['src/cli/start.ts'],
  format: 'cjs',
  outfile: PROGRAM,
  write: false,
  external: ['better-sqlite3', 'koffi', 'zstd-napi', 'pino', 'piscina'],
  minifyWhitespace: true,
  plugins: [leanUndici],
  // A script has neither of these.
  define: { 'import.meta.url': 'importMetaUrl' },
  supported: { 'dynamic-import': false },
  banner: { js: "'use strict';const importMetaUrl=require('node:url').pathToFileURL(__filename).href;" },
});
const source = program.outputFiles.find(({ path }) => path.endsWith('.cjs'));
const digest = createHash('sha256').update(source.contents).digest('hex').slice(0, 16);
const main = await build({
  ...shared,
  entryPoints: ['src/cli/main.ts'],
  outfile: MAIN,
  write: false,
  external: ['./start.ts'],
  define: { PROGRAM_DIGEST: JSON.stringify(digest) },
});
writeFileSync('dist/THIRD-PARTY.txt', noticesOf(Object.keys(program.metafile.inputs)));
mkdirSync(dirname(MAIN));
// The entry last: what is there counts as built.
for (const { path, contents } of [...program.outputFiles, ...main.outputFiles])
  writeFileSync(path, contents, { mode: path.endsWith('main.js') ? 0o755 : 0o644 });

/** The licences of the packages in the bundle, which ask for that. */
function noticesOf(inputs) {
  // Of a package inside another one the inner one counts.
  const packages = new Set(inputs.map((path) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(path)?.[0]));
  packages.delete(undefined);
  return [...packages]
    .toSorted((a, b) => (a < b ? -1 : 1))
    .map(noticeOf)
    .join(`\n${'-'.repeat(80)}\n\n`);
}

function noticeOf(directory) {
  const { name, version } = JSON.parse(readFileSync(`${directory}/package.json`, 'utf8'));
  const file = readdirSync(directory).find((entry) => /^licen[cs]e/i.test(entry));
  if (file === undefined) throw new Error(`${directory} has no licence file to put beside the bundle`);
  return `${name} ${version}, part of ${PROGRAM}:\n\n${readFileSync(`${directory}/${file}`, 'utf8').trim()}\n`;
}
