/** Something that a comparison needs is not on this machine, and cannot be fetched. */
export class NotHere extends Error {
  override readonly name = 'NotHere';
}
