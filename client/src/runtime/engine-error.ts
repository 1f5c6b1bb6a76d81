/** The engine's stable code of a rejected call, or undefined when the error is none of the engine's. */
export const engineErrorCode = (error: unknown): string | undefined => {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
};
