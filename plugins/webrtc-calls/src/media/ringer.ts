/** Two soft tones every three seconds, made by the browser: no file to load. */
export class Ringer {
  #audio: AudioContext | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** Rings, or stops; asking for what is so already changes nothing. */
  ring(on: boolean): void {
    if (on === (this.#timer !== undefined)) return;
    if (on) {
      this.#audio ??= new AudioContext();
      this.#tones(this.#audio);
      this.#timer = setInterval(() => {
        if (this.#audio !== undefined) this.#tones(this.#audio);
      }, 3_000);
    } else {
      clearInterval(this.#timer);
      this.#timer = undefined;
      void this.#audio?.close();
      this.#audio = undefined;
    }
  }

  #tones(audio: AudioContext): void {
    [523.25, 659.25].forEach((frequency, index) => {
      const start = audio.currentTime + index * 0.4;
      const gain = audio.createGain();
      gain.gain.setValueAtTime(0, start);
      gain.gain.linearRampToValueAtTime(0.12, start + 0.05);
      gain.gain.linearRampToValueAtTime(0, start + 0.38);
      const tone = audio.createOscillator();
      tone.frequency.value = frequency;
      tone.connect(gain).connect(audio.destination);
      tone.start(start);
      tone.stop(start + 0.4);
    });
  }
}
