import type { ExportedImage } from '../../coordinator/jobs/export.ts';
import type { OutputCompression } from '../../compression/codec.ts';
import { engineError } from '../../errors/kinds.ts';
import { EXIT, combineExitCodes, type ExitCode } from '../exit-codes.ts';
import { parseLevel } from '../level-option.ts';
import { parsePlatform } from '../platform-option.ts';
import type { Session } from '../session.ts';
import { shortId } from '../terminal.ts';
import { runTracked } from '../tracked-job.ts';
import { examples, type Verb } from '../verb.ts';

interface Options {
  to: string;
  compression?: string;
  level?: string;
  reproducible?: boolean;
  preserveDigests?: boolean;
  platform?: string;
  legacy?: boolean;
}

const COMPRESSIONS = ['keep', 'none', 'gzip', 'zstd'] as const;

/** `layermill export NAME|ID... --to DESTINATION` */
export const verb: Verb = {
  define(command) {
    command
      .argument('<images...>', 'names or ids')
      .requiredOption('--to <destination>', 'docker-archive:PATH, oci:PATH[:REF] or oci-archive:PATH; docker-archive:- is stdout')
      .option('--compression <how>', 'keep (as the layers came), none, gzip or zstd')
      .option('--level <n>', 'how hard to compress')
      .option('--reproducible', 'the same bytes on every machine, about four times as slow (gzip)')
      .option('--preserve-digests', 'fail before writing when a manifest would change')
      .option('--platform <os/arch>', 'which image of a multi-platform name')
      .option('--legacy', 'write what Docker before 1.10 wrote')
      .addHelpText(
        'after',
        examples(
          ['for docker load', 'layermill export busybox --to docker-archive:busybox.tar'],
          ['recompressed', 'layermill export app:1 app:2 --to oci:layout --compression zstd'],
        ),
      );
  },
  async run(session, names, given) {
    const options = given as Options;
    const compression = compressionOf(options.compression ?? session.settings.compression.default);
    const engine = await session.engine();
    const { openSink } = await import('../../formats/transports.ts');
    const context = { ...engine.formats, signal: session.signal, stdout: process.stdout };
    for (const name of names) await engine.tags.lookupImage(name);
    const sink = await openSink(options.to, context, { legacy: options.legacy });
    const settings = session.settings.compression;
    const effective = compression ?? sink.defaultCompression;
    const results = await runTracked(session, engine, options.to, {
      type: 'export',
      names,
      sink,
      compression,
      level: parseLevel(options.level) ?? defaultLevel(effective, settings, options.reproducible ?? settings.reproducible),
      reproducible: options.reproducible ?? settings.reproducible,
      preserveDigests: options.preserveDigests,
      platform: parsePlatform(options.platform),
    });
    const quiet = options.to.endsWith(':-');
    const codes = results.map((result) => tell(session, result, quiet));
    return combineExitCodes(codes);
  },
};

function compressionOf(text: string): OutputCompression | 'keep' | undefined {
  if (text === 'auto') return undefined;
  const known = COMPRESSIONS.find((name) => name === text);
  if (known !== undefined) return known;
  const message = `no compression ${JSON.stringify(text)}; known ones are ${COMPRESSIONS.join(', ')}`;
  throw engineError('UNSUPPORTED_COMPRESSION', message, { compression: text });
}

function defaultLevel(compression: string, levels: { gzipLevel: number; zstdLevel: number }, reproducible: boolean): number | undefined {
  if (compression === 'gzip') return reproducible ? undefined : levels.gzipLevel;
  return compression === 'zstd' ? levels.zstdLevel : undefined;
}

function tell(session: Session, result: ExportedImage, quiet: boolean): ExitCode {
  if (result.error !== null) return session.fail(result.error, { source: null, ref: result.name }, 'image');
  const { error: _none, ...line } = result;
  if (quiet) return EXIT.done;
  if (session.json) session.out.json(line);
  else session.out.line(`${result.name}  ${shortId(result.id)}  ${result.layers} layers  (${result.equal})`);
  return EXIT.done;
}
