const POLL_MS = 50;
const LIMIT_MS = 120_000;

/** Resolves when `count` has come up to `wanted`; throws after two minutes. */
export const untilCount = async (
  what: string,
  wanted: number,
  count: () => Promise<number>,
): Promise<void> => {
  let last = 0;
  for (const start = performance.now(); performance.now() - start < LIMIT_MS;) {
    last = await count();
    if (last >= wanted) return;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  throw new Error(`${what}: ${last} of ${wanted}`);
};
