import { copyFile, rename, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { profileFor } from '../../compression/codecs.ts';
import type { OutputCompression } from '../../compression/codec.ts';
import { engineError } from '../../errors/kinds.ts';
import { errnoOf } from '../../errors/system-error.ts';
import type { TempArchive } from '../../graph/temp-archive.ts';
import { EXIT } from '../exit-codes.ts';
import { findImage } from '../image-lookup.ts';
import { parseLevel } from '../level-option.ts';
import { runTracked } from '../tracked-job.ts';
import { examples, type Verb } from '../verb.ts';

interface Options {
  output?: string;
  compression: string;
  level?: string;
  reproducible?: boolean;
  platform?: string;
}

/** `layermill layer ID [-o FILE]` */
export const verb: Verb = {
  define(command) {
    command
      .argument('<image>', 'a name or id: its top layer')
      .option('-o, --output <file>', 'write it there instead of to stdout')
      .option('--compression <how>', 'none, gzip or zstd', 'none')
      .option('--level <n>', 'how hard to compress')
      .option('--reproducible', 'the same bytes on every machine (gzip)')
      .option('--platform <os/arch>', 'which image of a multi-platform name')
      .addHelpText('after', examples(['list what a layer changes', 'layermill layer app:1 | tar -t']));
  },
  async run(session, [name], given) {
    const options = given as Options;
    if (options.output === undefined && session.out.isTerminal) {
      throw engineError('TERMINAL_OUTPUT', 'a layer is not for the terminal; give -o FILE, or redirect the output', {});
    }
    const level = parseLevel(options.level);
    const profile = profileFor({
      compression: outputCompression(options.compression),
      ...(level === undefined ? {} : { level }),
      ...(options.reproducible === undefined ? {} : { reproducible: options.reproducible }),
    });
    const engine = await session.engine();
    const { id } = await findImage(engine, name!, options.platform);
    await using archive = await runTracked(session, engine, name!, { type: 'tempLayerArchive', id, compression: profile });
    if (options.output === undefined) {
      await pipeline(archive.stream(), session.out.stream, { end: false });
      return EXIT.done;
    }
    const path = resolve(options.output);
    await moveTo(archive, path);
    const { diffId, digest, size, compression } = archive;
    const line = { id, diffId, digest, size, compression, path };
    if (session.json) session.out.json(line);
    else session.out.line(`${digest}  ${size} bytes  ${path}`);
    return EXIT.done;
  },
};

function outputCompression(text: string): OutputCompression {
  if (text === 'none' || text === 'gzip' || text === 'zstd') return text;
  throw engineError('UNSUPPORTED_COMPRESSION', `no compression ${JSON.stringify(text)}; known ones are none, gzip, zstd`, {
    compression: text,
  });
}

/** Renamed where that is possible, so that a file is there whole or not at all. */
async function moveTo(archive: TempArchive, path: string): Promise<void> {
  try {
    await rename(archive.path, path);
  } catch (error) {
    if (errnoOf(error) !== 'EXDEV') throw error;
    const beside = `${path}.${process.pid}.tmp`;
    try {
      await copyFile(archive.path, beside);
      await rename(beside, path);
    } catch (failure) {
      await rm(beside, { force: true });
      throw failure;
    }
  }
}
