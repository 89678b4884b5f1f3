import { createHash } from 'node:crypto';
import { BASE_STYLE } from './html-style.ts';
import { printable } from './printable.ts';

/** Text between tags and in attributes. */
export function escaped(text: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
  return text.replace(/[&<>"']/g, (char) => entities[char]!);
}

/** A name from outside: as `escaped`, and what would not be seen, or would turn the rest around, stands as what it is. */
export function shown(name: string): string {
  return escaped(printable(name));
}

/** What a page is made of; `body` is markup, `title` is text, `style` comes after what all pages have. */
export interface PageParts {
  title: string;
  style: string;
  body: string;
}

/**
 * A page that needs nothing else: no scripts, no fonts, no pictures from elsewhere. Its policy lets nothing in but its
 * own style, so that a name that got through as markup could still do nothing.
 */
export function htmlPage({ title, style, body }: PageParts): string {
  const looks = BASE_STYLE + style;
  const hash = createHash('sha256').update(looks).digest('base64');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${shown(title)}</title>
<style>${looks}</style>
</head>
<body>
<main>
${body}
</main>
</body>
</html>
`;
}
