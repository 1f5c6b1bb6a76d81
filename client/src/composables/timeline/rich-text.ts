import { h } from 'vue';
import type { FunctionalComponent, VNode } from 'vue';

/** Formatted text after cleaning: data, not HTML. Only the renderer below turns it into elements. */
export type RichNode =
  | { readonly text: string }
  | {
      readonly tag: string;
      readonly attrs: Readonly<Record<string, string>>;
      readonly children: readonly RichNode[];
    };

const urlPattern = /\bhttps?:\/\/[^\s<>"'\p{Cc}]{2,2000}/giu;
/** Punctuation that ends a sentence is not part of the address before it. */
const trailing = /[.,;:!?)\]}'"]+$/u;

/** Plain text with its web addresses as links. */
export const linkify = (text: string): RichNode[] => {
  const nodes: RichNode[] = [];
  let from = 0;
  for (const match of text.matchAll(urlPattern)) {
    const opening = (match[0].match(/\(/g) ?? []).length;
    const closing = (match[0].match(/\)/g) ?? []).length;
    const url = match[0].endsWith(')') && opening >= closing ? match[0] : match[0].replace(trailing, '');
    if (match.index > from) nodes.push({ text: text.slice(from, match.index) });
    nodes.push({ tag: 'a', attrs: { href: url }, children: [{ text: url }] });
    from = match.index + url.length;
  }
  if (from < text.length) nodes.push({ text: text.slice(from) });
  return nodes;
};

/** A matrix.to or matrix: link taken apart (appendices, "matrix.to navigation"). */
export const parsePermalink = (
  href: string,
): { id: string; eventId: string | undefined; via: string[] } | undefined => {
  const to = /^https:\/\/matrix\.to\/#\/([^/?]+)(?:\/([^?]+))?(?:\?(.*))?$/.exec(href);
  if (to?.[1] === undefined) return undefined;
  try {
    return {
      id: decodeURIComponent(to[1]),
      eventId: to[2] === undefined ? undefined : decodeURIComponent(to[2]),
      via: new URLSearchParams(to[3] ?? '').getAll('via').slice(0, 5),
    };
  } catch {
    return undefined;
  }
};

export const permalink = (id: string, eventId?: string, via: readonly string[] = []): string => {
  const query =
    via.length === 0 ? '' : `?${via.map((server) => `via=${encodeURIComponent(server)}`).join('&')}`;
  return `https://matrix.to/#/${encodeURIComponent(id)}${eventId === undefined ? '' : `/${encodeURIComponent(eventId)}`}${query}`;
};

type RichProps = {
  nodes: readonly RichNode[];
  ownUserId: string;
  /** Name of the spoiler button. */
  spoilerLabel: string;
};

const colour = /^#[0-9a-f]{6}$/i;

const renderNode = (node: RichNode, props: RichProps): VNode | string => {
  if ('text' in node) return node.text;
  const children = node.children.map((child) => renderNode(child, props));
  if (node.tag === 'a') {
    const href = node.attrs.href ?? '';
    const target = parsePermalink(href);
    if (target !== undefined && target.eventId === undefined && target.id.startsWith('@')) {
      return h(
        'a',
        {
          class: ['pill', { me: target.id === props.ownUserId }],
          href: `#/user/${encodeURIComponent(target.id)}`,
          'data-user': target.id,
        },
        children,
      );
    }
    if (target !== undefined) {
      const event = target.eventId === undefined ? '' : `/${encodeURIComponent(target.eventId)}`;
      const via = target.via.map((server) => `via=${encodeURIComponent(server)}`).join('&');
      return h(
        'a',
        {
          class: 'pill',
          href: `#/room/${encodeURIComponent(target.id)}${event}${via === '' ? '' : `?${via}`}`,
        },
        children,
      );
    }
    return h('a', { href, target: '_blank', rel: 'noopener noreferrer nofollow', title: href }, children);
  }
  if (node.attrs['data-mx-spoiler'] !== undefined) {
    return h('details', { class: 'spoiler' }, [
      h('summary', { 'aria-label': props.spoilerLabel }, node.attrs['data-mx-spoiler'] || props.spoilerLabel),
      h('span', children),
    ]);
  }
  if (node.tag === 'font' || node.tag === 'span') {
    const fore = node.attrs['data-mx-color'] ?? node.attrs.color;
    const back = node.attrs['data-mx-bg-color'];
    // Colours only as a pair of ours decides would be readable; a lone text colour is dropped in favour of contrast.
    const style =
      fore !== undefined && back !== undefined && colour.test(fore) && colour.test(back)
        ? { color: fore, backgroundColor: back }
        : {};
    return h('span', { style }, children);
  }
  if (node.tag === 'img') return h('span', { class: 'inline-image' }, node.attrs.alt ?? '');
  if (node.tag === 'ol' && node.attrs.start !== undefined)
    return h('ol', { start: node.attrs.start }, children);
  if (node.tag === 'code') return h('code', { dir: 'ltr' }, children);
  if (node.tag === 'pre') return h('pre', { dir: 'ltr', tabindex: 0 }, children);
  if (node.tag === 'table') return h('div', { class: 'table-scroll', tabindex: 0 }, [h('table', children)]);
  return h(node.tag, children);
};

/** Elements for cleaned nodes. There is no innerHTML anywhere on the way. */
export const RichText: FunctionalComponent<RichProps> = (props) =>
  props.nodes.map((node) => renderNode(node, props));
RichText.props = ['nodes', 'ownUserId', 'spoilerLabel'];
