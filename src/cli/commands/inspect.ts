import type { Engine } from '../../engine.ts';
import { engineError } from '../../errors/kinds.ts';
import { parseLocation } from '../../formats/transports.ts';
import type { Image, ImageLayer } from '../../graph/image.ts';
import { type Digest } from '../../identity/digest.ts';
import { humanSize } from '../../reporting/human-size.ts';
import { printable } from '../../reporting/printable.ts';
import { allImages, configDigestOf, virtualSize } from '../describe.ts';
import { EXIT } from '../exit-codes.ts';
import { lookUp } from '../lookup.ts';
import { addRegistryOptions, type TypedRegistryOptions } from '../registry-options.ts';
import { shortId, table } from '../terminal.ts';
import { type Verb, examples } from '../verb.ts';

interface Options extends TypedRegistryOptions {
  raw?: boolean;
  manifest?: boolean;
  platform?: string;
  referrers?: boolean;
}

interface Inspection {
  id: string;
  names: string[];
  parent: string | null;
  created: string;
  /** Bytes. */
  size: number;
  virtualSize: number;
  configDigest: Digest | null;
  /** Base first, without the image itself where that only carries the config. */
  layers: ImageLayer[];
  /** The config of a content-addressed image, the JSON of an older one. */
  config: unknown;
}

export const verb: Verb = {
  define: (command) =>
    void addRegistryOptions(
      command
        .argument(
          '<image>',
          'a name, an id, or the beginning of an id; or a source such as oci:PATH or docker://HOST/NAME',
        )
        .option('--raw', 'the bytes of its config, exactly')
        .option('--manifest', 'the bytes of its manifest or index, exactly; of a source only')
        .option('--referrers', 'also what refers to the images: signatures and the like; of a source only')
        .option('--platform <platform>', 'of a name that has several: the image for os/architecture'),
      ['src'],
    ).addHelpText(
      'after',
      examples(
        ['An image and its layers', 'layermill inspect busybox'],
        ['The config digest, computed again', 'layermill inspect --raw busybox | sha256sum'],
        ['What is in an archive, or in a data directory of Docker', 'layermill inspect docker-archive:image.tar'],
      ),
    ),

  run: async (session, operands, options: Options) => {
    const { raw = false, manifest = false, platform, referrers } = options;
    if (isSource(operands[0]!)) {
      const { inspectSource } = await import('../inspect-source.ts');
      return inspectSource(session, operands[0]!, { ...options, raw, manifest });
    }
    if (manifest || referrers === true) {
      const argument = manifest ? '--manifest' : '--referrers';
      throw engineError('INVALID_ARGUMENT', `${argument} is for sources`, { argument });
    }
    const engine = await session.engine();
    const image = await lookUp(engine, operands[0]!, platform);
    const config = await configBytes(engine, image.id);
    if (raw) {
      session.out.bytes(config);
      return EXIT.done;
    }
    const inspection = await inspect(engine, image, config, session.signal);
    if (session.json) session.out.json(inspection);
    else session.out.line(textOf(inspection));
    return EXIT.done;
  },
};

/** `docker:dind` is an image of the store, and a registry is asked for by `docker://`. */
function isSource(text: string): boolean {
  if (text.startsWith('docker:') && !text.startsWith('docker://')) return false;
  return parseLocation(text).transport !== null;
}

async function configBytes({ graph }: Engine, id: string): Promise<Buffer> {
  return (await graph.configOf(id)) ?? graph.rawJson(id);
}

async function inspect(engine: Engine, image: Image, config: Buffer, signal: AbortSignal): Promise<Inspection> {
  const { id, parent, created, size } = image;
  return {
    id,
    names: engine.tags.namesOf(id),
    parent: parent === '' ? null : parent,
    created,
    size,
    virtualSize: virtualSize(await allImages(engine), image),
    configDigest: configDigestOf(id, await engine.graph.infoOf(id)),
    layers: await engine.graph.layersOf(id, { signal }),
    // Checked when the image came.
    config: JSON.parse(config.toString('utf8')) as unknown,
  };
}

function textOf(image: Inspection): string {
  const { os, architecture, author } = image.config as Record<string, unknown>;
  const facts: [string, string | null][] = [
    ['Id', image.id],
    ['Names', image.names.join(', ') || null],
    ['Parent', image.parent],
    ['Created', image.created],
    ['Platform', typeof os === 'string' && typeof architecture === 'string' ? `${os}/${architecture}` : null],
    ['Author', typeof author === 'string' && author !== '' ? author : null],
    ['Size', `${humanSize(image.size)} of ${humanSize(image.virtualSize)} with everything below`],
    ['Config', image.configDigest],
    ['Layers', `${image.layers.length}, base first`],
  ];
  const lines = facts.flatMap(([name, value]) => (value === null ? [] : [`${name.padEnd(10)}${printable(value)}`]));
  const rows = image.layers.map((layer) => [shortId(layer.id), layer.diffId, humanSize(layer.size)]);
  if (rows.length === 0) return lines.join('\n');
  const columns = [{ title: 'LAYER' }, { title: 'DIFF ID' }, { title: 'SIZE', align: 'right' }] as const;
  return `${lines.join('\n')}\n\n${table(columns, rows)}\n\n--json prints the config too.`;
}
