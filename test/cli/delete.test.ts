import { writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Digest } from '../../src/identity/digest.ts';
import { CliLab, type CliResult } from '../support/cli-lab.ts';
import { json, MEDIA } from '../support/image-fixture.ts';
import { ScriptedRegistry } from '../support/scripted-registry.ts';

describe('delete', () => {
  let lab: CliLab;
  let registry: ScriptedRegistry;
  let [shared, alone]: [Digest | null, Digest | null] = [null, null];
  beforeEach(async () => {
    lab = new CliLab();
    registry = await ScriptedRegistry.open({ pageSize: 2 });
    for (const tag of ['1', '1.0', 'latest']) shared = registry.addManifest('app', tag, json({ a: 1 }), MEDIA.manifest);
    alone = registry.addManifest('app', '2', json({ a: 2 }), MEDIA.manifest);
    writeFileSync(lab.path('registries.conf'), `[[registry]]\nlocation = "${registry.host}"\ninsecure = true\n`);
  });
  afterEach(async () => {
    await registry.close();
    await lab[Symbol.asyncDispose]();
  });

  const remove = (...args: string[]): Promise<CliResult> => {
    const env = { CONTAINERS_REGISTRIES_CONF: lab.path('registries.conf'), HOME: lab.dir, XDG_RUNTIME_DIR: lab.dir };
    return lab.runWith({ env }, 'delete', ...args);
  };
  const at = (end: string): string => `docker://${registry.host}/app${end}`;
  const deletions = (): unknown[] => registry.requests('DELETE', /./).map(({ url }) => url);

  it('takes an image with its only tag', async () => {
    const { code, stdout } = await remove(at(':2'));
    expect([code, stdout.toString()]).toEqual([
      0,
      `untagged: ${registry.host}/app:2\ndeleted: ${registry.host}/app@${alone}\n`,
    ]);
    expect([registry.tags.has('app:2'), registry.tags.has('app:1')]).toEqual([false, true]);
  });

  it('leaves one that has other tags, and says which', async () => {
    const { code, lines, stderr } = await remove(at(':1'), '--json');
    expect(code).toBe(2);
    expect(lines).toMatchObject([
      [{ error: { code: 'MANIFEST_HAS_TAGS', details: { digest: shared, tags: ['1.0', 'latest'] } } }],
    ]);
    expect(stderr).toContain('--all-tags');
    expect(deletions()).toEqual([]);
  });

  it('takes it with all of them where that is meant, without asking for each', async () => {
    const { code, lines } = await remove('--all-tags', at(':1'), '--json');
    expect([code, lines]).toEqual([
      0,
      [[{ deleted: `${registry.host}/app@${shared}`, untagged: [`${registry.host}/app:1`] }]],
    ]);
    expect([...registry.tags.keys()]).toEqual(['app:2']);
    expect(registry.requests('HEAD', /./)).toHaveLength(1);
  });

  it('takes one by its digest that no tag leads to', async () => {
    const bare = registry.addManifest('app', null, json({ a: 3 }), MEDIA.manifest);
    expect((await remove(at(`@${shared}`))).code).toBe(2);
    expect((await remove(at(`@${bare}`))).code).toBe(0);
    expect(deletions()).toEqual([`/v2/app/manifests/${bare}`]);
  });

  it('deletes nothing where the tag is another image than was said', async () => {
    const { code, stderr } = await remove(at(`:2@${shared}`));
    expect([code, deletions()]).toEqual([2, []]);
    expect(stderr).toContain(`is ${alone} now`);
  });

  it('goes on after one that is not there', async () => {
    const { code, lines } = await remove(at(':none'), at(':2'), '--json');
    expect(code).toBe(3);
    expect(lines).toMatchObject([[{ error: { code: 'REMOTE_IMAGE_NOT_FOUND' } }, { deleted: expect.any(String) }]]);
  });

  it('says who has to allow it', async () => {
    registry.fail({ method: 'DELETE' }, { is: 'status', status: 405, body: '{"errors":[{"code":"UNSUPPORTED"}]}' });
    const { code, stderr } = await remove(at(':2'));
    expect(code).not.toBe(0);
    expect(stderr).toContain('storage.delete.enabled');
  });

  it.each([
    ['oci:layout', 'is in no registry'],
    ['docker://quay.io/team/app', 'say which image with :TAG or @DIGEST'],
    ['docker://localhost', 'without a repository'],
  ])('tries nothing for %s', async (place, text) => {
    const { code, stderr } = await remove(at(':2'), place);
    expect([code, registry.seen]).toEqual([2, []]);
    expect(stderr).toContain(text);
  });
});
