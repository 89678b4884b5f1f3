import { type FixtureDescriptor, type FixtureLayout, json, MEDIA, named } from './image-fixture.ts';

export const SBOM_TYPE = 'application/spdx+json';
const SIGNATURE_TYPE = 'application/vnd.dev.cosign.simplesigning.v1+json';

/** A list of contents as tools of today attach it: a manifest with a `subject` and an empty config. */
export function attachedTo(
  layout: FixtureLayout,
  subject: FixtureDescriptor,
  text: string,
  fields: Record<string, unknown> = {},
): FixtureDescriptor {
  const config = layout.blob(Buffer.from('{}'), 'application/vnd.oci.empty.v1+json');
  return layout.manifest({
    artifactType: SBOM_TYPE,
    config,
    layers: [layout.blob(Buffer.from(text), SBOM_TYPE)],
    subject: { mediaType: subject.mediaType, digest: subject.digest, size: subject.size },
    annotations: { about: text },
    ...fields,
  });
}

/** Lists of contents in several forms: an index with a `subject`, whose members have none. */
export function listedAbout(layout: FixtureLayout, subject: FixtureDescriptor, texts: string[]): FixtureDescriptor {
  const manifests = texts.map((text) => attachedTo(layout, subject, text, { subject: undefined }));
  const { mediaType, digest, size } = subject;
  const fields = { artifactType: SBOM_TYPE, subject: { mediaType, digest, size } };
  return layout.blob(json({ schemaVersion: 2, mediaType: MEDIA.index, ...fields, manifests }), MEDIA.index);
}

/** A signature as cosign stores it: a manifest that only its tag ties to what it is about. */
export function signatureOf(layout: FixtureLayout, subject: FixtureDescriptor): FixtureDescriptor {
  const config = layout.blob(Buffer.from('{"architecture":""}'), 'application/vnd.oci.image.config.v1+json');
  const layers = [layout.blob(Buffer.from(`signature of ${subject.digest}`), SIGNATURE_TYPE)];
  return named(layout.manifest({ config, layers }), `${subject.digest.replace(':', '-')}.sig`);
}
