import { Parser } from 'htmlparser2';

/** What a page says of itself. */
export type PageFacts = {
  /** OpenGraph properties, `og:title` for example; the first of each. */
  readonly properties: ReadonlyMap<string, string>;
  readonly title: string | undefined;
  readonly description: string | undefined;
  /** Beginning of the text that a reader sees. */
  readonly text: string;
  /** The page's own picture, when it names one outside of OpenGraph. */
  readonly image: string | undefined;
};

/** Most properties, and most characters of a value. */
const MAX_PROPERTIES = 40;
const MAX_VALUE = 1_000;
/** Longest address that is taken for one. */
const MAX_URL = 2_048;
const MAX_TEXT = 300;
/** Elements whose content nobody reads. */
const UNREAD: ReadonlySet<string> = new Set([
  'script',
  'style',
  'noscript',
  'template',
  'svg',
  'head',
  'header',
  'footer',
  'nav',
  'aside',
  'form',
  'iframe',
  'button',
]);
const OG_KEY = /^og:[a-z0-9_:]{1,60}$/;

const clean = (text: string): string => text.replaceAll(/[\s\p{Cc}]+/gu, ' ').trim();

/** Reads a page with a real parser, to its end; what is read is bounded, whatever the page holds. */
export const readPage = (html: string): PageFacts => {
  const properties = new Map<string, string>();
  const others = new Map<string, string>();
  let title = '';
  let text = '';
  let image: string | undefined;
  let inTitle = false;
  let unread = 0;
  const meta = (attributes: Readonly<Record<string, string>>): void => {
    const key = (attributes.property ?? attributes.name ?? '').toLowerCase();
    const content = attributes.content ?? '';
    const value =
      content.length <= MAX_URL && key.includes('image') ? content : clean(content).slice(0, MAX_VALUE);
    if (value === '') return;
    const into = OG_KEY.test(key) ? properties : others;
    if (!into.has(key) && into.size < MAX_PROPERTIES) into.set(key, value);
  };
  const parser = new Parser(
    {
      onopentag: (name, attributes) => {
        if (name === 'meta') meta(attributes);
        if (name === 'title') inTitle = true;
        if (name === 'link' && attributes.rel === 'image_src') image ??= attributes.href?.slice(0, MAX_URL);
        if (UNREAD.has(name)) unread += 1;
      },
      ontext: (data) => {
        if (inTitle && title.length < MAX_VALUE) title += data;
        if (unread === 0 && !inTitle && text.length < MAX_TEXT * 4) text += data;
      },
      onclosetag: (name) => {
        if (name === 'title') inTitle = false;
        if (UNREAD.has(name)) unread = Math.max(0, unread - 1);
        else if (unread === 0 && text.length < MAX_TEXT * 4) text += ' ';
      },
    },
    { decodeEntities: true, lowerCaseTags: true },
  );
  parser.end(html);
  const ownTitle = clean(title).slice(0, MAX_VALUE);
  return {
    properties,
    title: others.get('twitter:title') ?? (ownTitle === '' ? undefined : ownTitle),
    description: others.get('description') ?? others.get('twitter:description'),
    text: clean(text).slice(0, MAX_TEXT),
    image: others.get('twitter:image') ?? image,
  };
};

const LABEL_IN_PAGE = /<meta[^>]{0,200}charset\s*=\s*["']?\s*([a-z0-9_:-]{1,40})/i;
/** As far as a page may say its own encoding (HTML standard, 4.2.5.5). */
const ENCODING_WITHIN = 1_024;

/** The text of a page, by the encoding in its header or in itself. */
export const decodePage = (bytes: Buffer, contentType: string): string => {
  const inHeader = /charset\s*=\s*"?([a-z0-9_:-]{1,40})/i.exec(contentType)?.[1];
  const inPage = LABEL_IN_PAGE.exec(bytes.toString('latin1', 0, ENCODING_WITHIN))?.[1];
  for (const label of [inHeader, inPage]) {
    if (label === undefined) continue;
    try {
      return new TextDecoder(label).decode(bytes);
    } catch {
      // An encoding that nobody knows: the next one may be known.
    }
  }
  return new TextDecoder().decode(bytes);
};
