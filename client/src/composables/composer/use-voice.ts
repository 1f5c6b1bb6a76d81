import { onScopeDispose, ref } from 'vue';
import { useI18n } from 'vue-i18n';
import { useToasts } from '../use-toasts.ts';
import { useRuntime } from '../../stores/session.ts';

const maxMs = 15 * 60_000;
const bars = 60;
const tickMs = 100;

/** Records a voice message; `done` gets the file, its length and its shape (0..1024 per bar, MSC3246). */
export const useVoice = (done: (file: File, info: { durationMs: number; waveform: number[] }) => void) => {
  const { t } = useI18n();
  const { show } = useToasts();
  const runtime = useRuntime();
  const recording = ref(false);
  const elapsedMs = ref(0);
  const supported = typeof MediaRecorder !== 'undefined' && 'mediaDevices' in navigator;
  let recorder: MediaRecorder | undefined;
  let audio: AudioContext | undefined;
  let timer: ReturnType<typeof setInterval> | undefined;
  let keep = false;

  const shape = (levels: readonly number[]): number[] => {
    const size = Math.max(1, Math.ceil(levels.length / bars));
    const out: number[] = [];
    for (let at = 0; at < levels.length; at += size)
      out.push(Math.round(Math.max(...levels.slice(at, at + size)) * 1024));
    return out;
  };

  const start = async (): Promise<void> => {
    let stream: MediaStream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    } catch {
      show(t('composer.voiceRefused'), 'bad');
      return;
    }
    const type = MediaRecorder.isTypeSupported('audio/ogg;codecs=opus') ? 'audio/ogg' : 'audio/webm';
    const chunks: Blob[] = [];
    const levels: number[] = [];
    audio = new AudioContext();
    const analyser = audio.createAnalyser();
    audio.createMediaStreamSource(stream).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    const began = runtime.platform.now();
    keep = false;
    recorder = new MediaRecorder(stream, { mimeType: `${type};codecs=opus`, audioBitsPerSecond: 32_000 });
    recorder.ondataavailable = (event) => chunks.push(event.data);
    recorder.onstop = () => {
      clearInterval(timer);
      for (const track of stream.getTracks()) track.stop();
      void audio?.close();
      recording.value = false;
      const durationMs = runtime.platform.now() - began;
      if (keep)
        done(new File(chunks, `voice.${type.slice(6)}`, { type }), { durationMs, waveform: shape(levels) });
    };
    recorder.start();
    recording.value = true;
    elapsedMs.value = 0;
    timer = setInterval(() => {
      elapsedMs.value = runtime.platform.now() - began;
      analyser.getFloatTimeDomainData(samples);
      levels.push(Math.min(1, Math.hypot(...samples) / Math.sqrt(samples.length) / 0.3));
      if (elapsedMs.value > maxMs) finish();
    }, tickMs);
  };
  const finish = (): void => {
    keep = true;
    recorder?.stop();
  };
  const cancel = (): void => {
    keep = false;
    if (recorder?.state === 'recording') recorder.stop();
  };
  onScopeDispose(cancel);
  return { supported, recording, elapsedMs, start, finish, cancel };
};
