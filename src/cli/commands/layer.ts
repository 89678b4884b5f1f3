import { resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { PACKING_NAMES, profileFor } from '../../compression/codecs.ts';
import type { CompressionProfile } from '../../compression/codec.ts';
import type { CompressionSettings } from '../../config/settings.ts';
import { engineError } from '../../errors/kinds.ts';
import type { TempArchive } from '../../graph/temp-archive.ts';
import { humanSize } from '../../reporting/human-size.ts';
import { printable } from '../../reporting/printable.ts';
import { type Destination, findDestination, writeTo } from '../../streams/destination.ts';
import { EXIT } from '../exit-codes.ts';
import { lookUp } from '../lookup.ts';
import { type PackingOptions, addPackingOptions, packingOf } from '../packing.ts';
import type { Session } from '../session.ts';
import { type Verb, examples } from '../verb.ts';
import { runTracked } from '../tracked-work.ts';

interface Options extends PackingOptions {
  output?: string;
  platform?: string;
}

export const verb: Verb = {
  define: (command) =>
    void addPackingOptions(
      command
        .argument('<image>', 'a name, an id, or the beginning of an id')
        .option('-o, --output <file>', 'write to a file; otherwise to stdout, never to a terminal'),
      PACKING_NAMES,
    )
      .option('--platform <platform>', 'of a name that has several: the image for os/architecture')
      .addHelpText(
        'after',
        '\nThe bytes of a layer that was imported are those that came, and its DiffID is checked every time.\n' +
          examples(
            ['What is in the top layer', 'layermill layer busybox | tar tv'],
            ['Into a file', 'layermill layer 4f2a91c0d3e5 -o layer.tar.zst --compression zstd'],
          ),
      ),

  run: async (session, operands, options: Options) => {
    const profile = profileOf(options, session.settings.compression);
    const { output = '-' } = options;
    const destination = await findDestination(output);
    checkOutput(session, destination);
    const engine = await session.engine();
    const image = await lookUp(engine, operands[0]!, options.platform);
    const job = { type: 'tempLayerArchive', id: image.id, compression: profile } as const;
    await using archive = await runTracked(session, engine, operands[0]!, job);
    if (destination.kind === 'stdout') {
      await toStdout(session, archive);
      return EXIT.done;
    }
    const { signal } = session;
    await writeTo(destination, (to) => pipeline(archive.stream(), to, { signal, end: false }), { signal });
    const path = resolve(output);
    const { id } = (await engine.graph.layersOf(image.id, { signal: session.signal })).at(-1)!;
    const { diffId, digest, size, compression, profile: how } = archive;
    if (session.json) session.out.json({ id, diffId, digest, size, compression, profile: how, path });
    else session.out.line(`${printable(path)}  ${humanSize(size)}  ${compression}  ${diffId}`);
    return EXIT.done;
  },
};

function profileOf(options: PackingOptions, settings: CompressionSettings): CompressionProfile {
  const { compression = 'none', level, reproducible } = packingOf(options, settings, PACKING_NAMES);
  return profileFor({ compression, level, reproducible });
}

function checkOutput({ json, out }: Session, { kind }: Destination): void {
  if (kind !== 'stdout') return;
  if (json)
    throw engineError('INVALID_ARGUMENT', '--json needs -o FILE: stdout is the layer itself', { argument: '--json' });
  if (out.isTerminal) throw engineError('TERMINAL_OUTPUT', 'a layer is not written to a terminal', {});
}

async function toStdout({ out, signal }: Session, archive: TempArchive): Promise<void> {
  try {
    await pipeline(archive.stream(), out.stream, { signal, end: false });
  } catch (error) {
    // Whoever read had enough of it.
    if (!out.isClosed) throw error;
  }
}
