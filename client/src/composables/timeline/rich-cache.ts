import { shallowRef } from 'vue';
import { linkify } from './rich-text.ts';
import type { RichNode } from './rich-text.ts';

type Sanitise = (html: string) => RichNode[];

const sanitiser = shallowRef<Sanitise>();
let loading: Promise<void> | undefined;

/** Loads the sanitiser, which is not part of the start-up bundle. A timeline waits for it before its first row. */
export const loadSanitiser = (): Promise<void> => {
  loading ??= import('./sanitise.ts').then((module) => {
    sanitiser.value = module.sanitise;
  });
  return loading;
};

const cache = new Map<string, RichNode[]>();
const maxCached = 1_000;

/** Nodes of a message: cleaned HTML when there is some and the sanitiser is there, else its text with links. */
export const richNodes = (text: string, html: string | undefined): RichNode[] => {
  const clean = html === undefined ? undefined : sanitiser.value;
  if (html === undefined || clean === undefined) return linkify(text);
  const known = cache.get(html);
  if (known !== undefined) return known;
  const nodes = clean(html);
  if (cache.size >= maxCached) {
    const oldest = cache.keys().next().value;
    if (oldest !== undefined) cache.delete(oldest);
  }
  cache.set(html, nodes);
  return nodes;
};
