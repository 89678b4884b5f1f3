import { readFileSync } from 'node:fs';
import { gunzipSync, inflateRawSync } from 'node:zlib';
import { deflateBound, ISAL, openIsal } from './isal.ts';
import { LIBDEFLATE, memberBound, openLibdeflate } from './libdeflate.ts';
import { loadKoffi } from './koffi.ts';
import { loadLibrary, NO_KOFFI, NO_LIBRARY } from './native-library.ts';

/** Behind every output, to see what is written too far. */
const GUARD = Buffer.alloc(64, 0xa5);
/** Ends a deflate stream of blocks. */
const FINAL_BLOCK = Buffer.from([0x03, 0x00]);

const text = Buffer.from(Array.from({ length: 10_000 }, (_unused, at) => `${at % 700} a layer of ${at}\n`).join(''));
const noise = Buffer.alloc(200_000);
for (let at = 0, state = 1; at < noise.length; at++) {
  state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
  noise[at] = state >>> 16;
}
const BLOCKS = [text, noise, Buffer.alloc(300_000), text.subarray(3, 70_000), noise.subarray(5, 6), text];

const soname = process.argv[2] ?? '';
// Not to be had at all is something else than not doing what is expected.
orEnd(NO_KOFFI, loadKoffi);
orEnd(NO_LIBRARY, () => loadLibrary(soname));
if (soname === LIBDEFLATE) testLibdeflate();
else if (soname === ISAL) testIsal();
else throw new Error(`nothing is known of ${soname}`);
process.stdout.write(`\n${JSON.stringify({ file: fileOf(soname) })}\n`);

function orEnd(code: number, load: () => unknown): void {
  try {
    load();
  } catch (error) {
    process.stderr.write(String(error));
    process.exit(code);
  }
}

function testLibdeflate(): void {
  for (const level of [1, 2, 6, 12]) {
    const packer = openLibdeflate(LIBDEFLATE, level);
    for (const block of BLOCKS) {
      const member = guarded(memberBound(block.length), (output) => packer.pack(block, output));
      if (!gunzipSync(member).equals(block)) throw new Error(`level ${level} does not unpack`);
    }
    packer.close();
  }
}

function testIsal(): void {
  for (let level = 0; level <= 3; level++) {
    const packer = openIsal(ISAL, level);
    const packed = BLOCKS.map((block) => guarded(deflateBound(block.length), (output) => packer.pack(block, output)));
    const stream = Buffer.concat([...packed, FINAL_BLOCK]);
    if (!inflateRawSync(stream).equals(Buffer.concat(BLOCKS))) throw new Error(`level ${level} does not unpack`);
    // a block that refers to one before it would not unpack alone
    if (!inflateRawSync(Buffer.concat([packed.at(-1)!, FINAL_BLOCK])).equals(text)) throw new Error('blocks depend');
  }
}

function guarded(room: number, pack: (output: Buffer) => number): Buffer {
  const memory = Buffer.concat([Buffer.alloc(room), GUARD]);
  const size = pack(memory.subarray(0, room));
  if (!memory.subarray(room).equals(GUARD)) throw new Error('it writes too far');
  return memory.subarray(0, size);
}

/** Where the dynamic linker found it. */
function fileOf(name: string): string | undefined {
  const line = readFileSync('/proc/self/maps', 'utf8')
    .split('\n')
    .find((mapped) => mapped.includes(`/${name}`));
  return line?.slice(line.indexOf('/'));
}
