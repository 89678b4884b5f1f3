import type { Image } from '../../graph/image.ts';
import { humanSize } from '../../reporting/human-size.ts';
import { printable } from '../../reporting/printable.ts';
import { allImages } from '../describe.ts';
import { EXIT } from '../exit-codes.ts';
import { shortId } from '../terminal.ts';
import { type Verb, examples } from '../verb.ts';

/** An image with those built on it; `depth` counts from the roots. */
interface Node {
  id: string;
  parent: string | null;
  names: string[];
  /** Bytes. */
  size: number;
  depth: number;
}

export const verb: Verb = {
  define: (command) =>
    void command.addHelpText(
      'after',
      '\nWith --json a flat list, parents before their children; `depth` counts from the roots.\n' +
        examples(['Which images share what', 'layermill tree']),
    ),

  run: async (session) => {
    const engine = await session.engine();
    const branches = new Map<string, Image[]>();
    const images = await allImages(engine);
    for (const image of images.values()) {
      const below = images.has(image.parent) ? image.parent : '';
      branches.set(below, [...(branches.get(below) ?? []), image]);
    }
    const names = engine.tags.byId();
    const nodes: Node[] = [];
    for (const { image, depth, stem } of walk(branches)) {
      const node = {
        id: image.id,
        parent: image.parent || null,
        names: names.get(image.id) ?? [],
        size: image.size,
        depth,
      };
      if (session.json) nodes.push(node);
      else
        session.out.line(
          `${stem}${shortId(node.id)}  ${humanSize(node.size)}  ${printable(node.names.join(', '))}`.trimEnd(),
        );
    }
    if (session.json) session.out.json(nodes);
    return EXIT.done;
  },
};

interface Visit {
  image: Image;
  depth: number;
  /** The lines that lead to it. */
  stem: string;
}

/** Depth first, without recursion: chains are as deep as their maker liked. */
function* walk(branches: ReadonlyMap<string, Image[]>): Generator<Visit> {
  const visits = (parent: string, depth: number, lead: string): (Visit & { lead: string })[] => {
    const images = branches.get(parent) ?? [];
    return images.map((image, index) => {
      const last = index === images.length - 1;
      const stem = depth === 0 ? '' : `${lead}${last ? '└─ ' : '├─ '}`;
      return { image, depth, stem, lead: depth === 0 ? '' : `${lead}${last ? '   ' : '│  '}` };
    });
  };
  const waiting = visits('', 0, '').reverse();
  for (let visit = waiting.pop(); visit !== undefined; visit = waiting.pop()) {
    yield visit;
    waiting.push(...visits(visit.image.id, visit.depth + 1, visit.lead).reverse());
  }
}
