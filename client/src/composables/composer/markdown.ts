import MarkdownIt from 'markdown-it';
import { permalink } from '../timeline/rich-text.ts';

const markdown = new MarkdownIt('default', { html: false, linkify: true, breaks: true, typographer: false });

/** Nesting and length beyond these are sent as plain text: nobody writes them, bombs do. */
const maxLength = 30_000;

/** `||text||` becomes a spoiler (client-server API, "Spoiler messages"). */
const spoilers = (html: string): string =>
  html.replace(/\|\|(?=\S)([^|]{1,4000}?)\|\|/gu, '<span data-mx-spoiler>$1</span>');

const escapeHtml = (text: string): string =>
  text.replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c] ?? c);

/** HTML of what was written, or undefined when it has no formatting: plain text needs no second copy. */
export const toHtml = (text: string, mentions: ReadonlyMap<string, string>): string | undefined => {
  if (text.length > maxLength) return undefined;
  let html = spoilers(markdown.render(text).trim());
  for (const [label, userId] of mentions) {
    html = html.replaceAll(
      `@${escapeHtml(label)}`,
      `<a href="${permalink(userId)}">${escapeHtml(label)}</a>`,
    );
  }
  // A single paragraph needs no <p>; and then, if nothing is left but escaped text, no HTML at all.
  const single = /^<p>([\s\S]*)<\/p>$/u.exec(html)?.[1];
  if (single !== undefined && !single.includes('<p>')) html = single;
  return html === escapeHtml(text) || html === escapeHtml(text).replaceAll('\n', '<br>\n') ? undefined : html;
};
