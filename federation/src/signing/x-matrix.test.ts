import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalJson } from '../json/canonical.ts';
import { parseServerName } from '../spec/identifiers/server-name.ts';
import { SigningKey, VerifyKey } from './keys.ts';
import type { XMatrixHeader } from './x-matrix.ts';
import { buildXMatrix, parseXMatrix, requestSignedInput, verifyXMatrix } from './x-matrix.ts';

const key = SigningKey.fromSeed('auto', Buffer.alloc(32, 7));
const signer = { server: parseServerName('origin.org'), key };
const verifyKey = VerifyKey.fromBase64(key.publicKey);
if (verifyKey === undefined) throw new Error('the test key is broken');

const parsed = {
  origin: 'origin.org',
  destination: 'here.org',
  keyId: 'ed25519:key1',
  signature: 'AB+/cd==',
};

/** Forms that servers send, or did send: Synapse, Dendrite, Conduit and its heirs, Sydent, proxies, the spec's own. */
describe('headers in the wild', () => {
  test.each([
    [
      'the specification',
      'X-Matrix origin="origin.org",destination="here.org",key="ed25519:key1",sig="AB+/cd=="',
    ],
    ['bare values', 'X-Matrix origin=origin.org,destination=here.org,key=ed25519:key1,sig=AB+/cd=='],
    [
      'bare names, quoted rest',
      'X-Matrix origin=origin.org,destination=here.org,key="ed25519:key1",sig="AB+/cd=="',
    ],
    [
      'blanks after commas',
      'X-Matrix origin="origin.org", destination="here.org", key="ed25519:key1", sig="AB+/cd=="',
    ],
    [
      'blanks around everything',
      '  X-Matrix   origin = "origin.org" ,\tdestination= "here.org" ,key ="ed25519:key1" , sig="AB+/cd==" ',
    ],
    [
      'lower-case scheme',
      'x-matrix origin="origin.org",destination="here.org",key="ed25519:key1",sig="AB+/cd=="',
    ],
    [
      'upper-case names',
      'X-MATRIX ORIGIN="origin.org",Destination="here.org",KEY="ed25519:key1",Sig="AB+/cd=="',
    ],
    [
      'another order',
      'X-Matrix sig="AB+/cd==",key="ed25519:key1",destination="here.org",origin="origin.org"',
    ],
    [
      'unknown parameters',
      'X-Matrix origin="origin.org",x=1,destination="here.org",key="ed25519:key1",sig="AB+/cd==",y="a,b=c"',
    ],
    ['escapes', 'X-Matrix origin="orig\\in.org",destination="here.org",key="ed25519:\\key1",sig="AB+/cd=="'],
    [
      'empty list members',
      'X-Matrix ,origin="origin.org",,destination="here.org",key="ed25519:key1",sig="AB+/cd==",',
    ],
  ])('%s', (_form, header) => expect(parseXMatrix(header, 'here.org')).toEqual(parsed));

  test('no destination, as before v1.3', () =>
    expect(parseXMatrix('X-Matrix origin=origin.org,key="ed25519:key1",sig="AB+/cd=="', 'here.org')).toEqual({
      ...parsed,
      destination: undefined,
    }));

  test('names with ports and IPv6 addresses', () => {
    const header = 'X-Matrix origin="[2001:db8::1]:8448",destination="1.2.3.4:80",key="ed25519:a",sig="x"';
    expect(parseXMatrix(header, '1.2.3.4:80')).toMatchObject({ origin: '[2001:db8::1]:8448' });
  });
});

describe('refused headers', () => {
  const good = 'origin="origin.org",destination="here.org",key="ed25519:key1",sig="s"';
  test.each([
    [undefined, 'missing'],
    ['', 'missing'],
    ['Bearer abc', 'other_scheme'],
    ['X-Matrixorigin=a', 'other_scheme'],
    ['X-Matrix', 'malformed'],
    ['X-Matrix origin', 'malformed'],
    ['X-Matrix origin=', 'malformed'],
    ['X-Matrix origin="unclosed', 'malformed'],
    ['X-Matrix origin="a"b', 'malformed'],
    [`X-Matrix ${good},sig="again"`, 'malformed'],
    [`X-Matrix ${good},origin="evil.org"`, 'malformed'],
    ['X-Matrix destination="here.org",key="ed25519:key1",sig="s"', 'malformed'],
    ['X-Matrix origin="not a name",key="ed25519:key1",sig="s"', 'malformed'],
    ['X-Matrix origin="origin.org",key="nocolon",sig="s"', 'malformed'],
    ['X-Matrix origin="origin.org",key="rsa:1",sig="s"', 'unknown_algorithm'],
    [`X-Matrix ${good.replace('here.org', 'there.org')}`, 'wrong_destination'],
    [`X-Matrix ${good.replace('origin.org', 'here.org')}`, 'own_name'],
    [`X-Matrix ${good},x="${'y'.repeat(3000)}"`, 'malformed'],
  ])('%s', (header, problem) => expect(parseXMatrix(header, 'here.org')).toBe(problem));

  test('no header makes the parser fail', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 300 }), (text) => {
        parseXMatrix(`X-Matrix ${text}`, 'here.org');
      }),
      { numRuns: 2000 },
    );
  });
});

describe('signatures of requests', () => {
  const request = {
    method: 'PUT',
    uri: '/_matrix/x?a=%20b',
    destination: 'here.org',
    content: '{"b":1,"é":[]}',
  };
  const header = () => parseXMatrix(buildXMatrix(signer, request), 'here.org') as XMatrixHeader;

  test('the signed text is canonical JSON of the object in the specification', () => {
    const { content, ...rest } = request;
    const object = { ...rest, origin: 'origin.org' };
    expect(requestSignedInput('origin.org', request)).toBe(
      canonicalJson({ ...object, content: JSON.parse(content) }),
    );
    expect(requestSignedInput('origin.org', { ...request, content: undefined })).toBe(canonicalJson(object));
  });

  test('ours verifies', () => expect(verifyXMatrix(header(), request, verifyKey)).toBe(true));

  test.each([
    ['method', { method: 'POST' }],
    ['uri', { uri: '/_matrix/x?a=b' }],
    ['destination', { destination: 'there.org' }],
    ['content', { content: '{"b":2}' }],
    ['content left out', { content: undefined }],
  ])('a changed %s does not', (_field, change) =>
    expect(verifyXMatrix(header(), { ...request, ...change }, verifyKey)).toBe(false),
  );

  test('a changed origin does not', () => {
    const forged = { ...header(), origin: parseServerName('evil.org') };
    expect(verifyXMatrix(forged, request, verifyKey)).toBe(false);
  });

  test('without a destination in the header, it may be signed or not', () => {
    const bare = (text: string) => ({ ...header(), destination: undefined, signature: key.sign(text) });
    const { destination: _destination, content, ...rest } = request;
    const without = canonicalJson({ ...rest, origin: 'origin.org', content: JSON.parse(content) });
    expect(verifyXMatrix(bare(without), request, verifyKey)).toBe(true);
    expect(verifyXMatrix(bare(requestSignedInput('origin.org', request)), request, verifyKey)).toBe(true);
    expect(verifyXMatrix({ ...bare(without), destination: 'here.org' }, request, verifyKey)).toBe(false);
  });
});
