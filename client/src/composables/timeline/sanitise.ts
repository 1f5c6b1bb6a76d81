import createDOMPurify from 'dompurify';
import type { RichNode } from './rich-text.ts';

/** Client-server API, "m.room.message msgtypes": the tags clients should render. */
const tags = [
  'del',
  'h1',
  'h2',
  'h3',
  'h4',
  'h5',
  'h6',
  'blockquote',
  'p',
  'a',
  'ul',
  'ol',
  'sup',
  'sub',
  'li',
  'b',
  'i',
  'u',
  'strong',
  'em',
  's',
  'code',
  'hr',
  'br',
  'div',
  'table',
  'thead',
  'tbody',
  'tr',
  'th',
  'td',
  'caption',
  'pre',
  'span',
  'img',
  'details',
  'summary',
  'font',
];
const attributes = [
  'href',
  'start',
  'class',
  'alt',
  'color',
  'data-mx-color',
  'data-mx-bg-color',
  'data-mx-spoiler',
];

/** A bomb of nested or countless elements is cut, not rendered. */
const maxDepth = 30;
const maxNodes = 3_000;

const purify = createDOMPurify(window);

const kept: Readonly<Record<string, readonly string[]>> = {
  a: ['href'],
  ol: ['start'],
  img: ['alt'],
  font: ['color', 'data-mx-color', 'data-mx-bg-color'],
  span: ['data-mx-color', 'data-mx-bg-color', 'data-mx-spoiler'],
};

/** Formatted message HTML as clean nodes. Runs of depth or count beyond the bounds become their text or nothing. */
export const sanitise = (html: string): RichNode[] => {
  const fragment = purify.sanitize(html, {
    ALLOWED_TAGS: tags,
    ALLOWED_ATTR: attributes,
    // Without this the values of these, too, would have to look like addresses.
    ADD_URI_SAFE_ATTR: attributes.filter((name) => name !== 'href'),
    ALLOW_DATA_ATTR: false,
    ALLOWED_URI_REGEXP: /^(?:https?|mailto|magnet|matrix):/i,
    RETURN_DOM_FRAGMENT: true,
  });
  let left = maxNodes;
  const convert = (parent: Node, depth: number): RichNode[] => {
    const nodes: RichNode[] = [];
    for (const child of parent.childNodes) {
      if (left <= 0) break;
      left -= 1;
      if (child instanceof Text) nodes.push({ text: child.data });
      else if (child instanceof Element) {
        const tag = child.localName;
        if (depth >= maxDepth) {
          nodes.push({ text: child.textContent.slice(0, 1_000) });
          continue;
        }
        const attrs: Record<string, string> = {};
        for (const name of kept[tag] ?? []) {
          const value = child.getAttribute(name);
          if (value !== null) attrs[name] = value.slice(0, 2_000);
        }
        nodes.push({ tag, attrs, children: convert(child, depth + 1) });
      }
    }
    return nodes;
  };
  return convert(fragment, 0);
};
