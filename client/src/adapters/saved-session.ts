import * as z from 'zod/mini';

const savedSession = z.object({
  base: z.string(),
  userId: z.string(),
  deviceId: z.string(),
  token: z.string(),
  refreshToken: z.optional(z.string()),
  /** When the token ends, ms since the epoch. */
  expiresAt: z.optional(z.number()),
});

export type SavedSession = z.output<typeof savedSession>;

const key = 'nyx.session';

/** The signed-in account of this browser profile. The token alone reads no message: the vault's keys are apart. */
export const loadSession = (): SavedSession | undefined => {
  const text = localStorage.getItem(key);
  if (text === null) return undefined;
  try {
    const parsed = savedSession.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
};

export const saveSession = (session: SavedSession): void =>
  localStorage.setItem(key, JSON.stringify(session));
export const clearSession = (): void => localStorage.removeItem(key);

/** A small string kept in this browser profile: theme, language, last server. */
export const loadSetting = (name: string): string | undefined =>
  localStorage.getItem(`nyx.${name}`) ?? undefined;
export const saveSetting = (name: string, value: string): void => localStorage.setItem(`nyx.${name}`, value);
