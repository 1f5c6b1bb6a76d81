import { expect, test } from 'vitest';
import { manifestSchema } from '../manifest.ts';
import { admitSealed, SEALED_PERMISSION } from './sealed-calls.ts';

const manifest = (tier: 'trusted' | 'sandboxed') =>
  manifestSchema.parse({
    ...{ id: 'org.example.profiles', version: '1.0.0', sdk: '^0.1.0', name: 'Profiles', tier },
    entry: { client: 'src/client.ts' },
    contributes: {
      client: [{ point: 'sealed-values', id: 'key', title: 'Key', scope: 'profile' }],
    },
    permissions: [SEALED_PERMISSION],
  });

test('sealed profiles are for trusted plugins whose permission was granted', () => {
  const granted = new Set([SEALED_PERMISSION]);
  const trusted = manifest('trusted');
  expect(admitSealed({ manifest: trusted, granted }, 'status', {})).toEqual({ call: 'status', params: {} });
  expect(() => admitSealed({ manifest: manifest('sandboxed'), granted }, 'status', {})).toThrow('trusted');
  expect(() => admitSealed({ manifest: trusted, granted: new Set() }, 'status', {})).toThrow('missing');
  expect(() => admitSealed({ manifest: trusted, granted: new Set(['secrets:other']) }, 'status', {})).toThrow(
    'missing',
  );
});

test('what does not have the declared form is refused', () => {
  const access = { manifest: manifest('trusted'), granted: new Set([SEALED_PERMISSION]) };
  expect(() => admitSealed(access, 'share', { userIds: 'all' })).toThrow('share');
  expect(() => admitSealed(access, 'seal', { name: 'a'.repeat(81), bio: '' })).toThrow('seal');
  expect(() => admitSealed(access, 'sealPicture', { data: [1, 2], mimetype: 'image/png' })).toThrow('bytes');
  expect(() => admitSealed(access, 'status', { more: true })).toThrow('status');
});
