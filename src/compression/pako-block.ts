import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type * as Pako from 'pako';
import type { DeflateBlock } from './gzip-parts.ts';

const OUTPUT = 64 * 1024;

const require = createRequire(import.meta.url);

/** Of the package that is installed: another one may pack to other bytes. */
export function pakoVersion(): string {
  const manifest = join(dirname(require.resolve('pako')), '../package.json');
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;
}

/** zlib's format from JavaScript, with the same bytes on every machine, at about a quarter of the speed. */
export function pakoBlock(): DeflateBlock {
  const { Deflate, Z_FULL_FLUSH } = require('pako') as typeof Pako;
  return (block, level, sink) => {
    const deflate = new Deflate({ level, raw: true, chunkSize: OUTPUT });
    deflate.onData = (chunk) => sink(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    deflate.push(block, Z_FULL_FLUSH);
  };
}
