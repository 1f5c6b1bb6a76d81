/** Rung by news; a ring between looking and waiting is not lost. */
export class Bell {
  #rung = false;
  #wake: (() => void) | undefined;

  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  /** To be called before looking. */
  reset(): void {
    this.#rung = false;
  }

  /** True when it was rung, false when time was up or the client went away. Without a time it waits for ever. */
  wait(milliseconds: number | undefined, signal: AbortSignal): Promise<boolean> {
    if (this.#rung) return Promise.resolve(true);
    if (signal.aborted) return Promise.resolve(false);
    return new Promise((resolve) => {
      const finish = (rung: boolean): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', aborted);
        this.#wake = undefined;
        resolve(rung);
      };
      const aborted = (): void => finish(false);
      const timer = milliseconds === undefined ? undefined : setTimeout(() => finish(false), milliseconds);
      signal.addEventListener('abort', aborted, { once: true });
      this.#wake = () => finish(true);
    });
  }
}
