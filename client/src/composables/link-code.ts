/** The text form of a linking QR code, for devices without a camera: base64url, spaces allowed. */
export const encodeLinkCode = (payload: Uint8Array): string => {
  let text = '';
  for (const byte of payload) text += String.fromCharCode(byte);
  return btoa(text).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
};

export const decodeLinkCode = (code: string): Uint8Array | undefined => {
  const compact = code.replace(/\s+/g, '').replaceAll('-', '+').replaceAll('_', '/');
  if (compact === '' || compact.length > 4_096) return undefined;
  try {
    return Uint8Array.from(atob(compact), (unit) => unit.codePointAt(0) ?? 0);
  } catch {
    return undefined;
  }
};
