/** Rows as the controller sees them: keys in order, with offsets from our own size map. */
export interface RowGeometry {
  /** Index of a key, or -1. */
  indexOf(key: string): number;
  keyAt(index: number): string | undefined;
  /** Only rows that keep their place among their neighbours may anchor: a day divider moves when pages come. */
  canAnchor(index: number): boolean;
  /** Distance of a row's top from the top of the list, px. */
  offsetOf(index: number): number;
  /** Index of the row at a distance from the top. */
  indexAt(offset: number): number;
  count(): number;
}

/** The scrolling element. */
export type Viewport = {
  scrollTop: number;
  readonly clientHeight: number;
  readonly scrollHeight: number;
};

type Anchor = { key: string; intra: number };

export type ScrollState = { kind: 'stick' } | { kind: 'anchor'; anchors: Anchor[] };

/** How many rows below the first visible one stand in when it disappears. */
const spareAnchors = 12;
/** Sub-pixel rounding of scrollTop on scaled displays. */
const slack = 2;

/**
 * The one owner of scrollTop (client.md section 3). Its state is "stick to the end" or "this event, so many pixels into
 * it": never an index, never a saved scrollTop.
 */
export class ScrollController {
  state: ScrollState;
  readonly #rows: RowGeometry;
  #lastTop = 0;
  /** Height of the content when lastTop was taken: tells a browser's clamp from a person's scroll. */
  #lastMax = 0;

  constructor(rows: RowGeometry, stick: boolean) {
    this.#rows = rows;
    this.state = stick ? { kind: 'stick' } : { kind: 'anchor', anchors: [] };
  }

  get sticking(): boolean {
    return this.state.kind === 'stick';
  }

  stick(): void {
    this.state = { kind: 'stick' };
  }

  /** Puts a row at a distance below the viewport's top. */
  aim(key: string, distance: number): void {
    this.state = { kind: 'anchor', anchors: [{ key, intra: -distance }] };
  }

  /**
   * A scroll event. Our own writes come back here too and change nothing. Only upward movement unsticks; only
   * downward movement that ends at the end sticks again, and only when the end is the room's newest event.
   */
  onScroll(viewport: Viewport, endIsLive: boolean): void {
    const top = viewport.scrollTop;
    const moved = top - this.#lastTop;
    if (Math.abs(moved) < 0.5) return;
    const max = viewport.scrollHeight - viewport.clientHeight;
    // The browser pulled us up because the content or the gap below it shrank: nobody scrolled.
    const clamped = this.sticking && moved < 0 && max < this.#lastMax && max - top <= slack;
    if (this.sticking) {
      if (moved < 0 && !clamped) this.#capture(viewport);
      else this.#note(viewport);
      return;
    }
    if (moved > 0 && endIsLive && max - top <= slack) {
      this.stick();
      this.#note(viewport);
      return;
    }
    this.#capture(viewport);
  }

  /** After rows, sizes or the viewport changed and were rendered: where scrollTop belongs. Writes and notes it. */
  settle(viewport: Viewport): void {
    const target = this.#target(viewport);
    if (target !== undefined && Math.abs(target - viewport.scrollTop) >= 0.5) viewport.scrollTop = target;
    if (this.state.kind === 'anchor' && this.state.anchors.length === 0) this.#capture(viewport);
    else if (target !== undefined) this.#capturePosition(viewport, target);
  }

  #target(viewport: Viewport): number | undefined {
    const max = Math.max(0, viewport.scrollHeight - viewport.clientHeight);
    if (this.state.kind === 'stick') return max;
    for (const anchor of this.state.anchors) {
      const index = this.#rows.indexOf(anchor.key);
      if (index === -1) continue;
      // The last term keeps the reader's own scroll that has not been reported yet.
      const inFlight = this.#fresh ? 0 : viewport.scrollTop - this.#lastTop;
      return Math.min(max, Math.max(0, this.#rows.offsetOf(index) + anchor.intra + inFlight));
    }
    return undefined;
  }

  /** An aim is absolute: what scrollTop was before it does not count. */
  get #fresh(): boolean {
    return this.state.kind === 'anchor' && this.state.anchors.length === 1;
  }

  #capturePosition(viewport: Viewport, target: number): void {
    if (this.state.kind === 'stick') {
      this.#note(viewport);
      return;
    }
    // Kept as aimed while the end is not reached (its rows are still being measured); else what is really shown.
    if (this.#fresh && Math.abs(viewport.scrollTop - target) < 1) {
      this.#note(viewport);
      return;
    }
    this.#capture(viewport);
  }

  #note(viewport: Viewport): void {
    this.#lastTop = viewport.scrollTop;
    this.#lastMax = viewport.scrollHeight - viewport.clientHeight;
  }

  #capture(viewport: Viewport): void {
    this.#note(viewport);
    const anchors: Anchor[] = [];
    const top = viewport.scrollTop;
    for (let index = this.#rows.indexAt(top); index < this.#rows.count(); index += 1) {
      const key = this.#rows.keyAt(index);
      if (key !== undefined && this.#rows.canAnchor(index)) {
        anchors.push({ key, intra: top - this.#rows.offsetOf(index) });
      }
      if (anchors.length >= spareAnchors) break;
    }
    this.state = { kind: 'anchor', anchors };
  }
}
