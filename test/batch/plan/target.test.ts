import { describe, expect, it } from 'vitest';
import { checkRename, renamed } from '../../../src/batch/plan/rename.ts';
import {
  checkTarget,
  fillTarget,
  isTemplate,
  type TargetImage,
  takesOneImage,
} from '../../../src/batch/plan/target.ts';
import type { Digest } from '../../../src/identity/digest.ts';

const digest = (fill: string): Digest => `sha256:${fill.repeat(64)}`;
const image = (name: string | null, more: Partial<TargetImage> = {}): TargetImage => ({
  name,
  digest: digest('a'),
  number: 7,
  ...more,
});
const code = (name: string): unknown => expect.objectContaining({ code: name });

describe('filling in', () => {
  it.each([
    ['oci:/out/{name}', 'busybox:1', 'oci:/out/busybox_1'],
    ['oci:/out/{name}', 'localhost:5000/team/app:1', 'oci:/out/localhost_5000/team/app_1'],
    ['oci:/out/{path}', 'r.example/team/app:1', 'oci:/out/team_app'],
    ['oci:/out/{registry}/{repository}/{tag}', 'r.example:5000/team/app:1', 'oci:/out/r.example_5000/team/app/1'],
    ['oci:/out/{registry}', 'busybox:1', 'oci:/out/docker.io'],
    ['oci:/out/all:{name}', 'r.example:5000/app:1', 'oci:/out/all:r.example:5000/app:1'],
    ['docker-archive:/out/{path}-{tag}.tar:{name}', 'team/app:1', 'docker-archive:/out/team_app-1.tar:team/app:1'],
    ['dir:/out/{n}-{digest}', 'busybox:1', `dir:/out/7-sha256-${'a'.repeat(64)}`],
    ['docker://m.example/{name}', 'busybox:1', 'docker://m.example/busybox:1'],
    ['docker://m.example/{name}', 'r.example:5000/app:1', 'docker://m.example/r.example_5000/app:1'],
    ['docker://m.example:5000/x/{path}:{tag}', 'team/app:1', 'docker://m.example:5000/x/team_app:1'],
    ['docker://{registry}/copy/{repository}:{tag}', 'r.example:5000/app:1', 'docker://r.example:5000/copy/app:1'],
    ['docker://m.example/{repository}:{digest}', 'app:1', `docker://m.example/app:sha256-${'a'.repeat(64)}`],
    ['docker://m.example/{repository}@{digest}', 'app:1', `docker://m.example/app@${digest('a')}`],
    ['oci:/out', 'busybox:1', 'oci:/out'],
  ])('%s with %s', (target, name, expected) => {
    expect(fillTarget(target, image(name))).toBe(expected);
    expect(() => checkTarget(target)).not.toThrow();
  });

  it('an image without a name has a digest and a number', () => {
    expect(fillTarget('oci:/out/{digest}', image(null))).toBe(`oci:/out/sha256-${'a'.repeat(64)}`);
    expect(fillTarget('oci:/out/{n}', image(null, { digest: null }))).toBe('oci:/out/7');
    expect(() => fillTarget('oci:/out/{tag}', image(null))).toThrow(/use \{digest\} or \{n\}/);
    expect(() => fillTarget('oci:/out/{digest}', image('a:1', { digest: null }))).toThrow(/use \{n\}/);
  });

  it.each([
    '../../etc/passwd:1',
    '/etc/passwd:1',
    'a/../b:1',
    'app:..',
    'app:../x',
    '..:1',
    'A:1',
    'a//b:1',
    `app@${digest('a')}`,
  ])('no name leads elsewhere: %s', (name) => {
    for (const target of ['oci:/out/{name}', 'dir:/out/{tag}', 'docker://m.example/{name}', 'oci:/out/{registry}']) {
      expect(() => fillTarget(target, image(name))).toThrow(/not a (repository name|tag)|no tag/);
    }
  });

  it('templates have braces', () => {
    expect(['oci:/out', 'oci:/{n}', 'oci:/{', 'oci:/}'].map(isTemplate)).toEqual([false, true, true, true]);
  });
});

describe('checking', () => {
  it.each<[string, string, RegExp]>([
    ['oci:/out/{nam}', 'INVALID_ARGUMENT', /did you mean \{name\}\?/],
    ['oci:/out/{}', 'INVALID_ARGUMENT', /is no variable/],
    ['oci:/out/{{name}}', 'INVALID_ARGUMENT', /without its other half/],
    ['oci:/out/}', 'INVALID_ARGUMENT', /without its other half/],
    ['docker://m.example/{tag}:{name}', 'INVALID_NAME', /not a repository name/],
    ['docker://m.example', 'INVALID_ARGUMENT', /registry without a repository/],
    ['containers-root:/x', 'INVALID_ARGUMENT', /can only be read/],
    ['m.example:5000/x', 'INVALID_ARGUMENT', /write docker:\/\/m\.example:5000\/x/],
    ['skopeo:x', 'INVALID_ARGUMENT', /names no transport/],
  ])('%s', (target, expected, message) => {
    expect(() => checkTarget(target)).toThrow(code(expected));
    expect(() => checkTarget(target)).toThrow(message);
  });

  it('knows where there is place for one image', () => {
    const one = ['dir:/x', 'oci:/x:1', 'docker-archive:/x.tar:a:1', 'docker://m.example/x', 'docker://m.example/x:1'];
    expect(one.map(takesOneImage)).toEqual(one.map(() => true));
    const many = ['oci:/x', 'oci-archive:/x.tar', 'docker-archive:/x.tar', 'docker://m.example/x/', 'null:'];
    expect(many.map(takesOneImage)).toEqual(many.map(() => false));
  });
});

describe('renaming', () => {
  it('whole names, one rule after the other', () => {
    const rules = [
      { from: 'quay\\.io/(.*)', to: 'mirror.example/quay/$1' },
      { from: '(.*):latest', to: '$1:stable' },
    ];
    expect(renamed('quay.io/team/app:latest', rules)).toBe('mirror.example/quay/team/app:stable');
    expect(renamed('my.quay.io/team/app:1', rules)).toBe('my.quay.io/team/app:1');
    expect(renamed('busybox:latest', rules)).toBe('busybox:stable');
    expect(renamed('busybox:1', [{ from: 'busybox:1', to: 'docker.io/library/busybox' }])).toBe('busybox:latest');
  });

  it('to what is no name is refused, and shown', () => {
    const rename = (to: string) => (): string => renamed('busybox:1', [{ from: 'busybox:(.*)', to }]);
    for (const to of ['', '../x:$1', '/x:$1', 'Busybox:$1', 'x:$1$1$']) {
      expect(rename(to)).toThrow(/renaming makes/);
    }
    expect(rename('Busybox:$1')).toThrow(code('INVALID_NAME'));
  });

  it('rules that can never do are refused', () => {
    expect(() => checkRename({ from: '(a)(b)', to: '$2$10$$3$&' })).not.toThrow();
    expect(() => checkRename({ from: 'a', to: '$1' })).toThrow(/no groups/);
    expect(() => checkRename({ from: '(a)', to: '$2' })).toThrow(/1 group/);
    expect(() => checkRename({ from: '(a', to: 'b' })).toThrow(/no regular expression/);
  });
});
