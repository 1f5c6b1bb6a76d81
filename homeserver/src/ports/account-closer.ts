/** Closes accounts for ever. */
export interface AccountCloser {
  /** Takes the password away, and stores the job that does the rest, in one step. */
  close(userId: string, at: number, erase: boolean): Promise<void>;
}
