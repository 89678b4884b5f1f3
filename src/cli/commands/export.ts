import { PACKING_NAMES, profileFor } from '../../compression/codecs.ts';
import { refuseLibrary, withLibrary } from '../../compression/libraries.ts';
import type { Packing } from '../../config/packing.ts';
import type { CompressionSettings } from '../../config/settings.ts';
import type { ExportedImage, ExportResult } from '../../coordinator/jobs/export.ts';
import { openSink, parseLocation } from '../../formats/transports.ts';
import { parsePlatform } from '../../image/platform.ts';
import { humanSize } from '../../reporting/human-size.ts';
import { printable } from '../../reporting/printable.ts';
import { EXIT, type ExitCode, combineExitCodes } from '../exit-codes.ts';
import { bareId, lookUp } from '../lookup.ts';
import { type PackingOptions, addPackingOptions, packingOf } from '../packing.ts';
import { addRegistryOptions, sideContext, type TypedRegistryOptions } from '../registry-options.ts';
import type { Session } from '../session.ts';
import { shortId } from '../terminal.ts';
import { type Verb, examples } from '../verb.ts';
import { runTracked } from '../tracked-work.ts';

interface Options extends PackingOptions, TypedRegistryOptions {
  to: string;
  preserveDigests?: boolean;
  platform?: string;
  legacy?: boolean;
}

const COMPRESSIONS = ['keep', ...PACKING_NAMES] as const;

export const verb: Verb = {
  define: (command) =>
    void addRegistryOptions(
      addPackingOptions(
        command
          .argument('<image...>', 'names, ids, or beginnings of ids')
          .requiredOption(
            '--to <destination>',
            'docker-archive:PATH, oci:PATH or oci-archive:PATH, each with [:REF]; dir:PATH; docker://HOST/NAME[:TAG]; - is stdout',
          ),
        COMPRESSIONS,
      )
        .option('--preserve-digests', 'fail before anything is written unless every manifest stays the same')
        .option('--platform <platform>', 'of a name that has several: the image for os/architecture')
        .option('--legacy', 'write a docker-archive as Docker before 1.10 did'),
      ['dest'],
    ).addHelpText(
      'after',
      '\nWithout --compression an OCI layout gets layers as they came (keep), a docker-archive plain ones (none).\n' +
        examples(
          ['For `docker load`', 'layermill export busybox --to docker-archive:busybox.tar'],
          [
            'Several images in one layout, packed anew',
            'layermill export a:1 b:1 --to oci:layout --compression zstd --level 9',
          ],
          ['To another machine', 'layermill export busybox --to docker-archive:- | ssh host docker load'],
        ),
    ),

  run: async (session, operands, options: Options) => {
    const packing = packingOf(options, session.settings.compression, COMPRESSIONS);
    const platform = options.platform === undefined ? undefined : parsePlatform(options.platform);
    const engine = await session.engine();
    // Before the destination is opened, which may make a directory.
    await refuseUnpackable(packing, session.settings.compression);
    for (const name of operands) await lookUp(engine, name, options.platform);
    const given = { ...engine.formats, signal: session.signal };
    const { context, registries } = await sideContext(given, options, 'dest', { session, places: [options.to] });
    const sink = await openSink(options.to, context, { legacy: options.legacy });
    // Results must not be mixed with an archive.
    const toStdout = parseLocation(options.to).path === '-';
    const codes: ExitCode[] = [];
    await runTracked(session, engine, options.to, {
      type: 'export',
      names: operands.map(bareId),
      sink,
      ...packing,
      preserveDigests: options.preserveDigests,
      platform,
      onImage: (result) => codes.push(tell(session, options.to, result, toStdout)),
    });
    await registries?.close();
    return combineExitCodes(codes);
  },
};

/** Throws for a level that does not exist and for a library that is not here. */
async function refuseUnpackable(
  { compression, level, reproducible }: Packing<string | undefined>,
  { libraries }: CompressionSettings,
): Promise<void> {
  const name = PACKING_NAMES.find((known) => known === compression);
  if (name === undefined) return;
  if (libraries === 'off') refuseLibrary(name);
  await withLibrary(profileFor({ compression: name, level, reproducible }));
}

function tell(session: Session, to: string, result: ExportedImage, toStdout: boolean): ExitCode {
  if (result.error !== null) {
    const at = { source: null, ref: result.name };
    return toStdout ? session.tell(result.error, at, 'image') : session.fail(result.error, at, 'image');
  }
  const { error: _none, name, ...line } = result;
  if (toStdout) session.progress.line(textOf(result));
  else if (session.json) session.out.json({ ref: name, destination: to, ...line });
  else session.out.line(textOf(result));
  return EXIT.done;
}

function textOf(result: ExportResult): string {
  const layers = `${result.layers} ${result.layers === 1 ? 'layer' : 'layers'}`;
  const cost = `${humanSize(result.bytes)} in ${result.seconds.toFixed(1)} s`;
  return `${printable(result.name)}  ${shortId(result.id)}  ${layers}  ${cost}  ${result.equal}`;
}
