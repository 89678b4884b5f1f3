import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { htmlPage, shown } from '../../src/reporting/html-page.ts';

test('names are text, and what would not be seen is seen', () => {
  expect(shown(`</title><b a="x" b='y'>&`)).toBe('&lt;/title&gt;&lt;b a=&quot;x&quot; b=&#39;y&#39;&gt;&amp;');
  expect(shown('a\u202eb\u0000\n\ud800')).toBe('a\\u{202e}b\\u{0}\\u{a}\\u{d800}');
});

test('a page lets in nothing but its own style', () => {
  const page = htmlPage({ title: '<t>', style: 'b { color: red }', body: '<p>x</p>' });
  const style = /<style>([^]*)<\/style>/.exec(page)![1]!;
  expect(style).toMatch(/b \{ color: red \}$/);
  const hash = createHash('sha256').update(style).digest('base64');
  expect(page).toContain(
    `content="default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'"`,
  );
  expect(page).toContain('<title>&lt;t&gt;</title>');
  expect(page).toContain('<main>\n<p>x</p>\n</main>');
});
