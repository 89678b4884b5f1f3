// Shows layermill at work on real input. Without arguments it makes three images that share layers from directories of
// this machine, writes them as three kinds of archive, imports each of those in an empty store, and checks every digest
// itself. With arguments it imports those archives instead: npm run demo -- a.tar b.tar
// `--keep DIR` leaves the archives there, to try other things with: npm run demo -- --keep /tmp/images
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { lstat, mkdir, mkdtemp, readdir, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createGunzip } from 'node:zlib';

const root = fileURLToPath(new URL('..', import.meta.url));
const program = join(root, 'dist/src/cli/main.js');

/** Runs layermill with a store; answers the JSON it printed and the seconds it took. Its failures are ours. */
async function layermill(store, ...args) {
  const began = performance.now();
  const progress = process.stderr.isTTY ? 'auto' : 'none';
  const child = spawn(process.execPath, [program, '--root', store, '--json', '--progress', progress, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [printed, code] = await Promise.all([
    child.stdout.toArray().then((chunks) => Buffer.concat(chunks).toString()),
    new Promise((resolve, reject) => child.once('error', reject).once('close', resolve)),
  ]);
  if (code !== 0) throw new Error(`layermill ${args.join(' ')} ended with exit code ${code}`);
  const values =
    printed.trim() === ''
      ? []
      : printed
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line));
  return { values, seconds: (performance.now() - began) / 1000 };
}

/** Directories that are left out where commands are shown: the work of the demo, and where it keeps the archives. */
const places = [];
const shortened = (text) => places.reduce((short, place) => short.replaceAll(`${place}/`, ''), text);

/** As `layermill`, and shows the command as a person would type it, with its time. */
async function shown(store, ...args) {
  const result = await layermill(store, ...args);
  const typed = args.map((arg) => (/\s/.test(arg) ? `'${arg}'` : arg)).join(' ');
  say(`  $ layermill ${shortened(typed)}   # ${result.seconds.toFixed(1)} s`);
  return result;
}

async function sha256(path, ...through) {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), ...through, hash);
  return `sha256:${hash.digest('hex')}`;
}

/** Digests that were checked here, by this file's own code. */
let verified = 0;

function mustEqual(what, actual, expected) {
  if (actual !== expected) throw new Error(`${what} is ${actual}, expected ${expected}`);
  if (String(expected).startsWith('sha256:')) verified++;
}

// ---- input: real directories

/** Files below a directory and their bytes; each inode once. What this user may not read is named by layermill itself. */
async function survey(dir) {
  const inodes = new Set();
  let bytes = 0;
  const visit = async (path) => {
    const stat = await lstat(path);
    if (stat.isDirectory()) for (const name of await readdir(path).catch(() => [])) await visit(join(path, name));
    else if (stat.isFile() && !inodes.has(stat.ino)) bytes += stat.size;
    if (stat.isFile()) inodes.add(stat.ino);
  };
  await visit(dir);
  return { dir, bytes, files: inodes.size };
}

/** The directory of this node, its library, and our own dependencies: what a real image of a program is made of. */
async function inputs() {
  const bin = dirname(process.execPath);
  const lib = join(bin, '../lib/node_modules');
  const wanted = [
    { name: 'demo/node:1', about: 'the program', dir: bin },
    { name: 'demo/npm:1', about: 'its library', dir: existsSync(lib) ? lib : join(root, 'src') },
    { name: 'demo/app:1', about: 'the dependencies of layermill', dir: join(root, 'node_modules') },
  ];
  const found = [];
  for (const { name, about, dir } of wanted) {
    const input = await survey(await realpath(dir));
    say(
      `  ${name.padEnd(13)} ${size(input.bytes).padStart(9)}  ${String(input.files).padStart(6)} files  ${about}: ${dir}`,
    );
    found.push({ name, ...input });
  }
  return found;
}

// ---- the jobs

async function createImages(store) {
  say('Three images, each on top of the one before, from directories of this machine:');
  const images = await inputs();
  let seconds = 0;
  say('');
  for (const [index, { name, dir }] of images.entries()) {
    const parent = index === 0 ? [] : ['--parent', images[index - 1].name];
    const made = await shown(store, 'create', dir, '--tag', name, '-m', `the files of ${basename(dir)}`, ...parent);
    seconds += made.seconds;
  }
  const bytes = images.reduce((sum, image) => sum + image.bytes, 0);
  return { names: images.map((image) => image.name), bytes, seconds };
}

/** The layers of some images of a store: DiffIDs by image, and each distinct layer once. */
async function layersOf(store, names) {
  const distinct = new Map();
  let references = 0;
  for (const name of names) {
    const [image] = (await layermill(store, 'inspect', name)).values;
    references += image.layers.length;
    for (const layer of image.layers) distinct.set(layer.diffId, layer);
  }
  return { distinct, references };
}

const FORMATS = [
  { label: 'docker-archive', transport: 'docker-archive', file: 'images.tar', compression: 'none' },
  { label: 'OCI layout, gzip', transport: 'oci', file: 'gzip', compression: 'gzip' },
  { label: 'OCI layout, zstd', transport: 'oci', file: 'zstd', compression: 'zstd' },
];

async function exportImages(store, names, { transport, file, compression }, out) {
  const path = join(out, file);
  const to = `${transport}:${path}`;
  const { values, seconds } = await shown(store, 'export', ...names, '--to', to, '--compression', compression);
  return { path, source: to, seconds, bytes: bytesOf(path), exported: values };
}

function bytesOf(path) {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.size;
  return readdirSync(path).reduce((sum, name) => sum + bytesOf(join(path, name)), 0);
}

/** Every blob of an OCI layout is what its name says, and every gzip layer unpacks to a DiffID of a config. */
async function verifyLayout(path) {
  const blobs = join(path, 'blobs/sha256');
  for (const hex of readdirSync(blobs)) mustEqual(`blob ${hex}`, await sha256(join(blobs, hex)), `sha256:${hex}`);
  const read = (digest) => JSON.parse(readFileSync(join(blobs, digest.slice('sha256:'.length)), 'utf8'));
  const seen = new Set();
  for (const entry of JSON.parse(readFileSync(join(path, 'index.json'), 'utf8')).manifests) {
    const manifest = read(entry.digest);
    const config = read(manifest.config.digest);
    for (const [index, layer] of manifest.layers.entries()) {
      if (!layer.mediaType.endsWith('+gzip') || seen.has(layer.digest)) continue;
      seen.add(layer.digest);
      const file = join(blobs, layer.digest.slice('sha256:'.length));
      mustEqual(`layer ${layer.digest}`, await sha256(file, createGunzip()), config.rootfs.diff_ids[index]);
    }
  }
}

/** The store gives every layer back with the bytes it was made from. */
async function verifyLayers(store, distinct, work) {
  const file = join(work, 'layer.tar');
  for (const [diffId, { id }] of distinct) {
    await layermill(store, 'layer', id, '-o', file, '--compression', 'none');
    mustEqual(`layer ${id}`, await sha256(file), diffId);
    await rm(file);
  }
}

async function roundTrip(work, out) {
  const first = join(work, 'store');
  const made = await createImages(first);
  const { distinct, references } = await layersOf(first, made.names);
  const facts = {
    images: made.names.length,
    layers: references,
    made: distinct.size,
    shared: references - distinct.size,
  };
  const rows = [{ step: 'create', ...facts, in: made.bytes, out: null, seconds: made.seconds }];
  say('\nWritten out of the store:\n');
  const written = [];
  for (const format of FORMATS) {
    const result = await exportImages(first, made.names, format, out);
    written.push({ ...format, ...result });
    // A docker-archive holds the tars as they are: its size is what the other formats pack.
    const row = { in: written[0].bytes, out: result.bytes, seconds: result.seconds };
    rows.push({ step: `export ${format.label}`, ...facts, ...row });
    if (format.transport === 'oci') await verifyLayout(result.path);
  }
  say('\nAnd each of them read into an empty store; the last one once more, where everything is already:\n');
  const known = { configs: new Map(written[0].exported.map((line) => [line.ref, line.configDigest])), distinct };
  for (const archive of written) {
    rows.push(await importVerified(work, archive, known));
    if (archive !== written.at(-1)) await rm(storeFor(work, archive), { recursive: true });
  }
  rows.push({ ...(await importRow(storeFor(work, written.at(-1)), written.at(-1))).row, step: 'import once more' });
  return rows;
}

const storeFor = (work, { file }) => join(work, `from-${file}`);

/** Imports what was written, and compares everything with what it was written from. */
async function importVerified(work, archive, { configs, distinct }) {
  const store = storeFor(work, archive);
  const { values, row } = await importRow(store, archive);
  mustEqual(`number of images in ${archive.source}`, values.length, configs.size);
  for (const { ref, configDigest } of values) mustEqual(`config of ${ref}`, configDigest, configs.get(ref));
  const again = await layersOf(store, [...configs.keys()]);
  mustEqual('the list of layers', [...again.distinct.keys()].join(), [...distinct.keys()].join());
  await verifyLayers(store, again.distinct, work);
  return row;
}

async function importRow(store, { label, source, bytes }) {
  const { values, seconds } = await shown(store, 'import', source);
  const layers = { layers: sum(values, 'layers'), made: sum(values, 'registered'), shared: sum(values, 'reused') };
  return { values, row: { step: `import ${label}`, images: values.length, ...layers, in: bytes, out: null, seconds } };
}

async function importArchives(archives, work) {
  const store = join(work, 'store');
  const rows = [];
  const ids = [];
  for (const source of archives) {
    const path = existsSync(source) ? source : source.replace(/^[a-z-]+:([^:]+).*$/, '$1');
    const bytes = existsSync(path) ? bytesOf(path) : 0;
    const { values, row } = await importRow(store, { label: basename(path), source, bytes });
    rows.push(row);
    ids.push(...values.map((line) => line.id));
  }
  await verifyLayers(store, (await layersOf(store, ids)).distinct, work);
  return rows;
}

// ---- the table

const sum = (values, key) => values.reduce((total, value) => total + value[key], 0);
const say = (line) => console.log(line);

function size(bytes) {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let [value, unit] = [bytes, 0];
  for (; value >= 1000 && unit < units.length - 1; unit++) value /= 1000;
  return `${Number(value.toPrecision(3))} ${units[unit]}`;
}

function table(rows) {
  const columns = [
    ['', (row) => row.step],
    ['images', (row) => row.images],
    ['layers', (row) => row.layers],
    ['new', (row) => row.made],
    ['shared', (row) => row.shared],
    ['bytes in', (row) => size(row.in)],
    ['bytes out', (row) => (row.out === null ? '' : size(row.out))],
    ['ratio', (row) => (row.out === null ? '' : (row.out / row.in).toFixed(2))],
    ['seconds', (row) => row.seconds.toFixed(2)],
    // Nothing was unpacked where every layer was there: that is no speed.
    ['MB/s', (row) => (row.made === 0 ? '' : (row.in / 1e6 / row.seconds).toFixed(0))],
  ];
  const cells = [columns.map(([title]) => title), ...rows.map((row) => columns.map(([, cell]) => String(cell(row))))];
  const widths = columns.map((_, index) => Math.max(...cells.map((row) => row[index].length)));
  const line = (row) =>
    row
      .map((cell, index) => (index === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[index])))
      .join('   ')
      .trimEnd();
  const rule = '─'.repeat(line(cells[0]).length);
  return [line(cells[0]), rule, ...cells.slice(1).map(line), rule].join('\n');
}

async function main() {
  const options = { keep: { type: 'string' } };
  const { values, positionals: archives } = parseArgs({ options, allowPositionals: true });
  if (!existsSync(program)) throw new Error('layermill is not built: run `npm run demo`, or `npm run build` first');
  const work = await mkdtemp(join(tmpdir(), 'layermill-demo-'));
  const out = values.keep === undefined ? work : resolve(values.keep);
  places.push(work, out);
  try {
    await mkdir(out, { recursive: true });
    const rows = await (archives.length > 0 ? importArchives(archives, work) : roundTrip(work, out));
    say(`\n${table(rows)}\n`);
    say(`${verified} digests were computed again by the demo itself; every one is as it should be.`);
    say('Times are those of whole commands, start of the program included.');
    if (out !== work && archives.length === 0)
      say(`The archives are in ${out}: ${FORMATS.map(({ file }) => file).join(', ')}`);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

// An interrupt reaches the running command too: it fails, and everything is cleaned up on the way out.
process.on('SIGINT', () => {});
try {
  await main();
} catch (error) {
  console.error(`demo: ${error.message}`);
  process.exitCode = 1;
}
