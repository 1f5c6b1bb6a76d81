export type Emoji = { emoji: string; label: string; group: number; shortcodes: string[]; tags: string[] };

let loaded: Promise<Emoji[]> | undefined;

/** All emoji with English names, groups and short codes; loaded when a picker or completion first needs them. */
export const loadEmoji = (): Promise<Emoji[]> => {
  loaded ??= Promise.all([
    import('emojibase-data/en/compact.json'),
    import('emojibase-data/en/shortcodes/emojibase.json'),
  ]).then(([data, codes]) => {
    const shortcodes = codes.default as Record<string, string | string[]>;
    return data.default
      .filter((one) => one.group !== undefined && one.group !== 2)
      .map((one) => ({
        emoji: one.unicode,
        label: one.label.toLowerCase(),
        group: one.group ?? 0,
        shortcodes: [shortcodes[one.hexcode] ?? []].flat(),
        tags: one.tags ?? [],
      }));
  });
  return loaded;
};
