import { EXIT } from '../exit-codes.ts';
import { humanSize } from '../../reporting/human-size.ts';
import { printable } from '../../reporting/printable.ts';
import { shortId } from '../terminal.ts';
import { examples, type Verb } from '../verb.ts';

interface Node {
  id: string;
  size: number;
  names: string[];
  children: Node[];
}

/** `layermill tree` */
export const verb: Verb = {
  define(command) {
    command.addHelpText('after', examples(['who is built on whom', 'layermill tree']));
  },
  async run(session) {
    const { graph, tags } = await session.engine();
    const names = tags.byId();
    const nodes = new Map<string, Node>();
    const parents = new Map<string, string>();
    for await (const [id, image] of graph.map()) {
      nodes.set(id, { id, size: image.size, names: names.get(id) ?? [], children: [] });
      parents.set(id, image.parent);
    }
    const roots: Node[] = [];
    for (const [id, node] of nodes) (nodes.get(parents.get(id)!)?.children ?? roots).push(node);
    if (session.json) session.out.json(roots);
    else for (const line of drawn(roots)) session.out.line(line);
    return EXIT.done;
  },
};

/** Depth first with a stack of its own: a chain may be deeper than the calls that a thread allows. */
function* drawn(roots: readonly Node[]): Generator<string> {
  const stack = [...roots].reverse().map((node, index) => ({ node, indent: '', last: index === 0 }));
  while (stack.length > 0) {
    const { node, indent, last } = stack.pop()!;
    const names = node.names.length === 0 ? '' : ` ${node.names.map(printable).join(', ')}`;
    yield `${indent}${last ? '└─' : '├─'}${shortId(node.id)} ${humanSize(Math.max(0, node.size))}${names}`;
    const below = `${indent}${last ? '  ' : '│ '}`;
    stack.push(...[...node.children].reverse().map((child, index) => ({ node: child, indent: below, last: index === 0 })));
  }
}
