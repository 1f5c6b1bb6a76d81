const POLL_MS = 10;
const LIMIT_MS = 60_000;

/** Resolves when `condition` holds; throws after a minute. */
export const until = async (condition: () => Promise<boolean>): Promise<void> => {
  for (const start = performance.now(); performance.now() - start < LIMIT_MS;) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  throw new Error('not reached within a minute');
};
