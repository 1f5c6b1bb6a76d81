/** What a browser may show inside the page (spec: Client-Server API, Serving inline content). */
const INLINE_TYPES: ReadonlySet<string> = new Set([
  'text/css',
  'text/plain',
  'text/csv',
  'application/json',
  'application/ld+json',
  'image/jpeg',
  'image/gif',
  'image/png',
  'image/apng',
  'image/webp',
  'image/avif',
  'video/mp4',
  'video/webm',
  'video/ogg',
  'video/quicktime',
  'audio/mp4',
  'audio/webm',
  'audio/aac',
  'audio/mpeg',
  'audio/ogg',
  'audio/wave',
  'audio/wav',
  'audio/x-wav',
  'audio/x-pn-wav',
  'audio/flac',
  'audio/x-flac',
]);

export const UNKNOWN_TYPE = 'application/octet-stream';

const MAX_TYPE = 255;
const MAX_NAME = 255;
const TOKEN = "[A-Za-z0-9!#$%&'*+.^_`|~-]+";
const TYPE = new RegExp(`^${TOKEN}/${TOKEN}(?: *; *${TOKEN}=(?:${TOKEN}|"[ !#-\\[\\]-~]*"))*$`);
const UNSAFE_IN_NAME = /[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu;

/** A media type as its sender gave it, or the one for unknown bytes when it is none. */
export const mediaType = (given: string | undefined): string => {
  const type = given?.trim() ?? '';
  return type.length <= MAX_TYPE && TYPE.test(type) ? type : UNKNOWN_TYPE;
};

/** The type without its parameters. */
export const essence = (contentType: string): string =>
  (contentType.split(';')[0] ?? '').trim().toLowerCase();

/** A file name without control and direction characters, or undefined when nothing is left of it. */
export const fileName = (given: string | undefined): string | undefined => {
  const name = given?.toWellFormed().replaceAll(UNSAFE_IN_NAME, '').slice(0, MAX_NAME).toWellFormed().trim();
  return name === undefined || name === '' ? undefined : name;
};

const percentEncoded = (text: string): string =>
  encodeURIComponent(text).replaceAll(
    /['()*]/g,
    (letter) => `%${(letter.codePointAt(0) ?? 0).toString(16).toUpperCase()}`,
  );

/** The Content-Disposition header for a file (RFC 6266); `inline` only for what cannot run in a page. */
export const disposition = (contentType: string, name: string | undefined): string => {
  const kind = INLINE_TYPES.has(essence(contentType)) ? 'inline' : 'attachment';
  if (name === undefined) return kind;
  if (/^[A-Za-z0-9._-]+$/.test(name)) return `${kind}; filename=${name}`;
  return `${kind}; filename*=utf-8''${percentEncoded(name)}`;
};
