/** The blob that only contacts read. */
export const SEALED_FIELD = 'chat.nyx.profile';
/** The text about oneself, where the profile is public. */
export const BIO_FIELD = 'chat.nyx.bio';
export const NAME_FIELD = 'displayname';
export const PICTURE_FIELD = 'avatar_url';

/** Letters that are not mistaken for each other. */
const LETTERS = '23456789ABCDEFGHJKLMNPQRSTUVWXYZ';
const CODE_LENGTH = 4;
const FNV_OFFSET = 0x81_1c_9d_c5;
const FNV_PRIME = 0x01_00_01_93;

/** Four letters that tell strangers apart and say nothing about them: made from the user id, which they see anyway. */
export const codeOf = (userId: string): string => {
  let hash = FNV_OFFSET;
  for (const byte of new TextEncoder().encode(userId)) hash = Math.imul(hash ^ byte, FNV_PRIME) >>> 0;
  let code = '';
  for (let i = 0; i < CODE_LENGTH; i++) code += LETTERS.charAt((hash >>> (5 * i)) % LETTERS.length);
  return code;
};
