import { formatSuite } from '../suites/format.ts';

formatSuite({ transport: 'docker-archive', isArchive: true, keepsManifests: true });
formatSuite({ transport: 'docker-archive', isArchive: true, keepsManifests: false, options: { legacy: true } });
formatSuite({ transport: 'oci', isArchive: false, keepsManifests: true });
formatSuite({ transport: 'oci-archive', isArchive: true, keepsManifests: true });
formatSuite({
  transport: 'dir',
  isArchive: false,
  keepsManifests: true,
  holdsOne: true,
  listing: 'manifest.json',
  files: /^([0-9a-f]{64}|manifest\.json|version)$/,
});
