/** How far those who follow the stream of events have got. */
export interface StreamCursors {
  /** 0 before the first time. */
  get(name: string): Promise<number>;
  /** Never goes back; may be lost in a crash, so following must be repeatable. */
  move(name: string, to: number): Promise<void>;
}
