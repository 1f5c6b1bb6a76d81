import type { Streams } from '../call/contents.ts';
import type { MediaProblem } from '../call/state.ts';

/** What the browser offers; tests bring their own. */
export type MediaSource = Pick<MediaDevices, 'getUserMedia' | 'getDisplayMedia' | 'enumerateDevices'>;

/** No microphone could be opened. */
export class MediaError extends Error {
  readonly problem: MediaProblem;

  constructor(problem: MediaProblem, cause: unknown) {
    super(`no microphone: ${problem}`, { cause });
    this.problem = problem;
  }
}

/** Which of the three tracks this side can send. */
export type Slot = 'audio' | 'camera' | 'screen';
export type Tracks = Readonly<Record<Slot, MediaStreamTrack | undefined>>;

const problemOf = (error: unknown): MediaProblem => {
  const name = error instanceof DOMException ? error.name : '';
  if (name === 'NotAllowedError' || name === 'SecurityError') return 'denied';
  return name === 'NotFoundError' || name === 'OverconstrainedError' ? 'missing' : 'in-use';
};

const exactly = (deviceId: string | undefined): MediaTrackConstraints =>
  deviceId === undefined ? {} : { deviceId: { exact: deviceId } };

/** Microphone, camera and screen of this device, shared by all connections of a call. */
export class LocalMedia {
  /** Streams under whose ids the tracks travel. */
  readonly user = new MediaStream();
  readonly screen = new MediaStream();
  readonly #source: MediaSource;
  readonly #changed: () => void;
  #tracks: Record<Slot, MediaStreamTrack | undefined> = {
    audio: undefined,
    camera: undefined,
    screen: undefined,
  };
  #muted = false;
  #opening: Promise<void> | undefined;
  #generation = 0;
  #microphone: string | undefined;
  #camera: string | undefined;

  constructor(source: MediaSource, changed: () => void) {
    this.#source = source;
    this.#changed = changed;
  }

  get tracks(): Tracks {
    return this.#tracks;
  }

  get muted(): boolean {
    return this.#muted;
  }

  /** Opens what is not open. A camera that cannot be had leaves the call a voice call. @throws MediaError */
  async open(video: boolean): Promise<void> {
    const generation = this.#generation;
    this.#opening ??= this.#openMicrophone().finally(() => {
      this.#opening = undefined;
    });
    await this.#opening;
    if (video && this.#tracks.camera === undefined && generation === this.#generation)
      await this.setCamera(true).catch(() => undefined);
  }

  setMuted(muted: boolean): void {
    this.#muted = muted;
    if (this.#tracks.audio !== undefined) this.#tracks.audio.enabled = !muted;
    this.#changed();
  }

  /** @throws MediaError when no camera can be had */
  async setCamera(on: boolean): Promise<void> {
    if (!on) this.#put('camera', undefined);
    else await this.#take('camera', { video: { ...exactly(this.#camera), width: 1280, height: 720 } });
  }

  /** False when the person chose nothing. */
  async setScreen(on: boolean): Promise<boolean> {
    if (!on) {
      this.#put('screen', undefined);
      return true;
    }
    const generation = this.#generation;
    const stream = await this.#source.getDisplayMedia({ video: true }).catch(() => undefined);
    const [track] = stream?.getVideoTracks() ?? [];
    if (track === undefined) return false;
    if (generation !== this.#generation) {
      track.stop();
      return false;
    }
    // Ended by the browser's own button.
    track.addEventListener('ended', () => {
      if (this.#tracks.screen === track) this.#put('screen', undefined);
    });
    this.#put('screen', track);
    return true;
  }

  async useMicrophone(deviceId: string): Promise<void> {
    this.#microphone = deviceId;
    await this.#openMicrophone(true);
  }

  async useCamera(deviceId: string): Promise<void> {
    this.#camera = deviceId;
    if (this.#tracks.camera !== undefined) await this.setCamera(true);
  }

  /** Microphones, cameras and speakers; names are known once one was allowed. */
  async devices(): Promise<readonly MediaDeviceInfo[]> {
    return this.#source.enumerateDevices().catch(() => []);
  }

  /** What this side's streams carry, as the other side is told. */
  streams(): Streams {
    const { audio, camera, screen } = this.#tracks;
    return {
      [this.user.id]: {
        purpose: 'm.usermedia',
        audio_muted: this.#muted || audio === undefined,
        video_muted: camera === undefined,
      },
      [this.screen.id]: { purpose: 'm.screenshare', audio_muted: true, video_muted: screen === undefined },
    };
  }

  close(): void {
    this.#generation += 1;
    this.#muted = false;
    for (const slot of ['audio', 'camera', 'screen'] as const) this.#put(slot, undefined);
  }

  async #openMicrophone(again = false): Promise<void> {
    if (this.#tracks.audio !== undefined && !again) return;
    await this.#take('audio', { audio: { ...exactly(this.#microphone), echoCancellation: true } });
  }

  async #take(slot: 'audio' | 'camera', constraints: MediaStreamConstraints): Promise<void> {
    const generation = this.#generation;
    const stream = await this.#source.getUserMedia(constraints).catch((error: unknown) => {
      throw new MediaError(problemOf(error), error);
    });
    const [track] = stream.getTracks();
    if (track === undefined) throw new MediaError('missing', undefined);
    // Hung up while the browser was asking.
    if (generation !== this.#generation) track.stop();
    else this.#put(slot, track);
  }

  #put(slot: Slot, track: MediaStreamTrack | undefined): void {
    const before = this.#tracks[slot];
    if (before === track) return;
    const stream = slot === 'screen' ? this.screen : this.user;
    if (before !== undefined) {
      stream.removeTrack(before);
      before.stop();
    }
    this.#tracks = { ...this.#tracks, [slot]: track };
    if (track !== undefined) {
      if (slot === 'audio') track.enabled = !this.#muted;
      stream.addTrack(track);
    }
    this.#changed();
  }
}
