import { describe, expect, it } from 'vitest';
import { layerCount, withLayers } from '../../src/image/history.ts';
import type { Platform } from '../../src/image/image-source.ts';
import {
  isConfigType,
  isDocumentType,
  isForeignLayerType,
  isIndexType,
  isLayerType,
  isManifestType,
  ociLayerType,
  layerTypeAs,
} from '../../src/image/media-types.ts';
import { formatPlatform, hostPlatform, parsePlatform, platformMatches } from '../../src/image/platform.ts';

const OCI = 'application/vnd.oci.image.layer';
const DOCKER = 'application/vnd.docker.image.rootfs';

describe('a platform', () => {
  it.each([
    ['linux/amd64', { os: 'linux', architecture: 'amd64' }],
    ['linux/arm/v7', { os: 'linux', architecture: 'arm', variant: 'v7' }],
    ['Linux/x86_64', { os: 'linux', architecture: 'amd64' }],
    ['linux/aarch64', { os: 'linux', architecture: 'arm64' }],
  ])('is read from %s', (text, platform) => {
    expect(parsePlatform(text)).toEqual(platform);
  });

  it.each(['', 'linux', 'linux/', '/amd64', 'linux/arm/', 'a/b/c/d'])('is not read from %j', (text) => {
    expect(() => parsePlatform(text)).toThrow(expect.objectContaining({ code: 'UNSUPPORTED_PLATFORM' }));
  });

  it('is written as it is read', () => {
    for (const text of ['linux/amd64', 'linux/arm/v6']) expect(formatPlatform(parsePlatform(text))).toBe(text);
  });

  it.each<[string, Platform, boolean]>([
    ['linux/arm64', { os: 'linux', architecture: 'arm64', variant: 'v8' }, true],
    ['linux/arm64/v8', { os: 'linux', architecture: 'arm64' }, true],
    ['linux/arm', { os: 'linux', architecture: 'arm', variant: 'v6' }, false],
    ['linux/arm/v6', { os: 'linux', architecture: 'arm', variant: 'v6' }, true],
    ['linux/amd64', { os: 'windows', architecture: 'amd64', osVersion: '10' }, false],
    ['windows/amd64', { os: 'windows', architecture: 'amd64', osVersion: '10' }, true],
    ['linux/amd64', { os: 'linux', architecture: '386' }, false],
  ])('%s asked for, %j there: %s', (wanted, have, matches) => {
    expect(platformMatches(parsePlatform(wanted), have)).toBe(matches);
  });

  it('of this machine has the names that images use', () => {
    expect(hostPlatform().architecture).not.toBe('x64');
    expect(platformMatches(hostPlatform(), hostPlatform())).toBe(true);
  });
});

describe('media types', () => {
  it.each([
    `${OCI}.v1.tar`,
    `${OCI}.v1.tar+gzip`,
    `${OCI}.v1.tar+zstd`,
    `${OCI}.nondistributable.v1.tar+gzip`,
    `${DOCKER}.diff.tar`,
    `${DOCKER}.diff.tar.gzip`,
    `${DOCKER}.diff.tar.zstd`,
    `${DOCKER}.foreign.diff.tar.gzip`,
  ])('%s is a layer that can be applied', (mediaType) => {
    expect(isLayerType(mediaType)).toBe(true);
  });

  it.each([`${OCI}.v1.tar+gzip+encrypted`, 'application/vnd.sylabs.image.layer.v1.squashfs', `${OCI}.v1.tar.gzip`, ''])(
    '%j is none (I24)',
    (mediaType) => {
      expect(isLayerType(mediaType)).toBe(false);
    },
  );

  it('tell kinds of documents apart', () => {
    const docker = 'application/vnd.docker.distribution.manifest';
    expect([isManifestType(`${docker}.v2+json`), isManifestType(`${docker}.list.v2+json`)]).toEqual([true, false]);
    expect([isIndexType(`${docker}.list.v2+json`), isIndexType(`${docker}.v2+json`)]).toEqual([true, false]);
    expect(isConfigType('application/vnd.docker.container.image.v1+json')).toBe(true);
    expect(isConfigType('application/vnd.oci.empty.v1+json')).toBe(false);
  });

  it.each([
    'application/vnd.in-toto+json',
    'application/vnd.dsse.envelope.v1+json',
    'application/vnd.dev.cosign.simplesigning.v1+json',
  ])('%s is a statement about an image', (mediaType) => {
    expect(isDocumentType(mediaType)).toBe(true);
  });

  it('know foreign layers', () => {
    expect(isForeignLayerType(`${DOCKER}.foreign.diff.tar.gzip`)).toBe(true);
    expect(isForeignLayerType(`${DOCKER}.diff.tar.gzip`)).toBe(false);
  });

  it.each([
    [`${DOCKER}.diff.tar`, ociLayerType('none')],
    [`${DOCKER}.diff.tar.gzip`, ociLayerType('gzip')],
    [`${DOCKER}.diff.tar.zstd`, ociLayerType('zstd')],
    [`${OCI}.v1.tar+zstd`, ociLayerType('zstd')],
  ])('%s has the OCI name %s', (docker, oci) => {
    expect(layerTypeAs('oci', docker)).toBe(oci);
  });
});

describe('a history', () => {
  const step = (emptyLayer: boolean) => ({ created: null, createdBy: null, author: null, comment: null, emptyLayer });

  it('tells which step made which layer', () => {
    const history = [step(false), step(true), step(false), step(false)];
    expect(layerCount(history)).toBe(3);
    expect(withLayers(history, 2).map(({ layer }) => layer)).toEqual([0, null, 1, null]);
  });
});
