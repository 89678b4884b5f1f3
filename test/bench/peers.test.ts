import { describe, expect, it } from 'vitest';
import { type Contestant, shownCommand } from '../../src/bench/contest.ts';
import type { Packing } from '../../src/bench/grid.ts';
import { dockerPeer } from '../../src/bench/peers/docker.ts';
import { pigzPeer, zstdPeer } from '../../src/bench/peers/packers.ts';
import { podmanPeer } from '../../src/bench/peers/podman.ts';
import { skopeoPeer } from '../../src/bench/peers/skopeo.ts';
import { tarPeer } from '../../src/bench/peers/tar.ts';
import { umociPeer } from '../../src/bench/peers/umoci.ts';
import type { CorpusImage, CorpusLayer } from '../../src/bench/prepared-corpus.ts';

const layer: CorpusLayer = { id: 'a', diffId: 'sha256:a', path: '/w/layers/0.tar', bytes: 100, entries: 2 };
const image = (name: string | null): CorpusImage => ({ id: 'i', name, digest: 'sha256:i', layers: ['sha256:a'] });
const plain = { layers: [layer], archive: '/w/c.tar' };
const gzip: Packing = { name: 'gzip', compression: 'gzip', level: 4, explicit: false };
const zstd: Packing = { name: 'zstd', compression: 'zstd', level: 9, explicit: true };
const none: Packing = { name: 'none', compression: 'none', level: 0, explicit: false };

/** What everyone would run, with short names for the directories. */
function typed(contestants: Contestant[] | undefined): string[] {
  const names = new Map([
    ['/w/run-1', 'RUN'],
    ['/w', 'WORK'],
  ]);
  return (contestants ?? []).flatMap((one) => one.commands('/w/run-1').map((command) => shownCommand(command, names)));
}

describe('command lines of peers', () => {
  it('GNU tar unpacks layer after layer, and packs a tree', () => {
    const peer = tarPeer('1.34');
    expect(
      typed(
        peer.register!({ images: [], plain: { ...plain, layers: [layer, layer] }, layout: null, compression: null }),
      ),
    ).toEqual([
      'tar --numeric-owner -xf WORK/layers/0.tar -C RUN/layer-0',
      'tar --numeric-owner -xf WORK/layers/0.tar -C RUN/layer-1',
    ]);
    expect(typed(peer.register!({ images: [], plain: null, layout: '/w/l', compression: null }))).toEqual([]);
    expect(typed(peer.create!({ tree: '/w/tree' }))).toEqual(['tar --numeric-owner -cf RUN/tree.tar -C WORK/tree .']);
  });

  it('skopeo copies image after image into one store or layout', () => {
    const peer = skopeoPeer('1.9', true);
    const images = [image('a:1'), image('b:1')];
    expect(typed(peer.register!({ images, plain, layout: null, compression: null }))).toEqual([
      'skopeo --insecure-policy copy -q docker-archive:WORK/c.tar:a:1 containers-storage:[overlay@RUN/root+RUN/run]bench/image-0:1',
      'skopeo --insecure-policy copy -q docker-archive:WORK/c.tar:b:1 containers-storage:[overlay@RUN/root+RUN/run]bench/image-1:1',
    ]);
    expect(typed(peer.export!({ images: [image(null)], archive: '/w/c.tar', packing: gzip, threads: 2 }))).toEqual([
      'skopeo --insecure-policy copy -q --dest-compress-format gzip docker-archive:WORK/c.tar oci:RUN/out:image-0',
    ]);
    expect(typed(peer.export!({ images: [image('a:1')], archive: '/w/c.tar', packing: zstd, threads: 2 }))).toEqual([
      'skopeo --insecure-policy copy -q --dest-compress-format zstd --dest-compress-level 9 docker-archive:WORK/c.tar:a:1 oci:RUN/out:image-0',
    ]);
  });

  it('skopeo reads a layout where the input is one', () => {
    const input = { images: [image('a:1')], plain: null, layout: '/w/l', compression: null };
    expect(typed(skopeoPeer('1.9', true).register!(input))[0]).toContain(' copy -q oci:WORK/l:a:1 containers-storage:');
  });

  it('skopeo is left out where it could not be asked', () => {
    const unnamed = { images: [image(null), image(null)], plain, layout: null, compression: null };
    expect(skopeoPeer('1.9', true).register!(unnamed)).toEqual([]);
    expect(skopeoPeer('1.9', false).register!({ ...unnamed, images: [image('a:1')] })).toEqual([]);
    const asked = { images: [image('a:1')], archive: '/w/c.tar', packing: none, threads: 2 };
    expect(skopeoPeer('1.9', true).export!(asked)).toEqual([]);
  });

  it('umoci unpacks images of a gzip layout', () => {
    const input = { images: [image('a:1')], plain: null, layout: '/w/layout-gzip-4', compression: 'gzip' as const };
    expect(typed(umociPeer('0.4', true).register!(input))).toEqual([
      'umoci unpack --image WORK/layout-gzip-4:a:1 RUN/bundle-0',
    ]);
    expect(typed(umociPeer('0.4', false).register!(input))[0]).toContain('unpack --rootless --image');
    expect(umociPeer('0.4', true).register!({ ...input, compression: 'zstd' })).toEqual([]);
  });

  it('pigz and zstd pack a tar with our level and threads', () => {
    const [pigz, zst] = [pigzPeer('2.6'), zstdPeer('1.5')];
    expect(typed(pigz.layer!({ layer, packing: gzip, threads: 2 }))).toEqual([
      'pigz -p 2 -4 -c WORK/layers/0.tar > RUN/layer',
    ]);
    expect(typed(zst.layer!({ layer, packing: zstd, threads: 4 }))).toEqual([
      'zstd -T4 -q -9 -c WORK/layers/0.tar > RUN/layer',
    ]);
    expect(pigz.layer!({ layer, packing: zstd, threads: 2 })).toEqual([]);
    expect(zst.layer!({ layer, packing: { ...zstd, level: 20 }, threads: 2 })).toEqual([]);
  });

  it('podman works in a storage of its own', () => {
    const peer = podmanPeer('4.3', '/w');
    expect(typed(peer.register!({ images: [image('a:1')], plain, layout: null, compression: null }))).toEqual([
      'podman --root RUN/podman --runroot RUN/r load -q -i WORK/c.tar',
    ]);
    const images = [image('a:1'), image('b:1')];
    expect(typed(peer.export!({ images, archive: '/w/c.tar', packing: none, threads: 2 }))).toEqual([
      'podman --root WORK/p/podman --runroot WORK/p/r save -q -m -o RUN/out.tar a:1 b:1',
    ]);
    expect(peer.export!({ images, archive: '/w/c.tar', packing: gzip, threads: 2 })).toEqual([]);
  });

  it('docker is not asked about images without names, which could not be taken away again', () => {
    expect(dockerPeer('20', '').register!({ images: [image(null)], plain, layout: null, compression: null })).toEqual(
      [],
    );
    expect(
      dockerPeer('20', '').register!({ images: [image('a:1')], plain: null, layout: '/w/l', compression: null }),
    ).toEqual([]);
  });

  it('everyone says what is not the same about its work', () => {
    const all = [
      ...tarPeer('1').register!({ images: [], plain, layout: null, compression: null }),
      ...skopeoPeer('1', true).register!({ images: [image('a:1')], plain, layout: null, compression: null }),
      ...pigzPeer('1').layer!({ layer, packing: gzip, threads: 1 }),
      ...podmanPeer('1', '/w').register!({ images: [image('a:1')], plain, layout: null, compression: null }),
    ];
    expect(all.map(({ differs }) => differs).filter((text) => text === null || text === '')).toEqual([]);
  });
});

describe('commands as a person would type them', () => {
  it('quotes what a shell would take apart', () => {
    expect(shownCommand({ args: ['a', 'b c', "d'e", '$x'], stdout: '/w/o ut' }, new Map([['/w', 'WORK']]))).toBe(
      `a 'b c' 'd'\\''e' '$x' > 'WORK/o ut'`,
    );
  });
});
