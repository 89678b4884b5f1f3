import type { Command } from 'commander';
import { printable } from '../../reporting/printable.ts';
import { humanSize } from '../../reporting/human-size.ts';
import type { Engine } from '../../engine.ts';
import type { Image } from '../../graph/image.ts';
import { parseRepositoryTag } from '../../identity/reference.ts';
import { type ImageLine, allImages, configDigestOf, isHead, isLayerImage, virtualSize } from '../describe.ts';
import { EXIT } from '../exit-codes.ts';
import { ago, shortId, table } from '../terminal.ts';
import { type Verb, examples } from '../verb.ts';

interface Options {
  all?: boolean;
}

export const verb: Verb = {
  define: (command: Command) =>
    void command
      .option('-a, --all', 'every image of the graph, layers too')
      .addHelpText(
        'after',
        examples(
          ['What is in the store', 'layermill images'],
          [
            'The ids of all images without a name',
            `layermill images --json | jq -r '.[] | select(.names == []) | .id'`,
          ],
        ),
      ),

  run: async (session, _operands, { all = false }: Options) => {
    const lines = await listImages(await session.engine(), all);
    if (session.json) session.out.json(lines);
    else session.out.line(tableOf(lines));
    return EXIT.done;
  },
};

async function listImages(engine: Engine, all: boolean): Promise<ImageLine[]> {
  const images = await allImages(engine);
  const names = engine.tags.byId();
  const lines: ImageLine[] = [];
  for (const image of images.values()) {
    const line = await describe(engine, images, image, names.get(image.id) ?? [], all);
    if (line !== null) lines.push(line);
  }
  return lines.sort((a, b) => timeOf(b) - timeOf(a) || (a.id < b.id ? -1 : 1));
}

/** Null for an image that is not to be shown: without `all` those that others are built on, and bare layers. */
async function describe(
  { graph }: Engine,
  images: ReadonlyMap<string, Image>,
  image: Image,
  names: string[],
  all: boolean,
): Promise<ImageLine | null> {
  if (!all && names.length === 0 && graph.hasChildren(image.id)) return null;
  const info = await graph.infoOf(image.id);
  if (!all && names.length === 0 && isLayerImage(image, info)) return null;
  const top = isHead(info) ? ((await graph.infoOf(image.parent))?.diffId ?? null) : (info?.diffId ?? null);
  return {
    id: image.id,
    parent: image.parent === '' ? null : image.parent,
    names,
    created: image.created,
    size: image.size,
    virtualSize: virtualSize(images, image),
    diffId: top,
    configDigest: configDigestOf(image.id, info),
  };
}

function timeOf(line: ImageLine): number {
  return Date.parse(line.created) || 0;
}

function tableOf(lines: readonly ImageLine[]): string {
  const now = new Date();
  const rows = lines.flatMap((line) =>
    (line.names.length > 0 ? line.names : ['']).map((name) => {
      const { repository, reference } = parseRepositoryTag(printable(name));
      return [
        repository === '' ? '<none>' : repository,
        reference === '' ? '<none>' : reference,
        shortId(line.id),
        ago(new Date(line.created), now),
        humanSize(line.size),
        humanSize(line.virtualSize),
      ];
    }),
  );
  return table(
    [
      { title: 'REPOSITORY' },
      { title: 'TAG' },
      { title: 'IMAGE ID' },
      { title: 'CREATED' },
      { title: 'SIZE', align: 'right' },
      { title: 'VIRTUAL', align: 'right' },
    ],
    rows,
  );
}
