import { onScopeDispose, ref } from 'vue';
import { useI18n } from 'vue-i18n';

/** Pixels of the longer side that is looked through: enough for a code that fills a third of the picture. */
const side = 640;

/**
 * Looks for a QR code in the camera's picture. `found` gets its bytes, once for each code; it answers whether that was
 * the code that was wanted, which ends the camera.
 */
export const useCodeScanner = (found: (payload: Uint8Array) => boolean) => {
  const { t } = useI18n();
  const running = ref(false);
  const problem = ref('');
  const supported = 'mediaDevices' in navigator;
  let stream: MediaStream | undefined;
  let frame = 0;

  const stop = (): void => {
    cancelAnimationFrame(frame);
    for (const track of stream?.getTracks() ?? []) track.stop();
    stream = undefined;
    running.value = false;
  };

  const start = async (video: HTMLVideoElement): Promise<void> => {
    problem.value = '';
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' } });
    } catch {
      problem.value = t('settings.scanRefused');
      return;
    }
    running.value = true;
    video.srcObject = stream;
    await video.play();
    const { default: readCode } = await import('jsqr');
    const canvas = document.createElement('canvas');
    const context = canvas.getContext('2d', { willReadFrequently: true });
    const look = (): void => {
      if (!running.value || context === null) return;
      const scale = Math.min(1, side / Math.max(video.videoWidth, video.videoHeight, 1));
      canvas.width = Math.round(video.videoWidth * scale);
      canvas.height = Math.round(video.videoHeight * scale);
      if (canvas.width > 0 && canvas.height > 0) {
        context.drawImage(video, 0, 0, canvas.width, canvas.height);
        const { data, width, height } = context.getImageData(0, 0, canvas.width, canvas.height);
        const code = readCode(data, width, height);
        if (code !== null && found(Uint8Array.from(code.binaryData))) {
          stop();
          return;
        }
      }
      frame = requestAnimationFrame(look);
    };
    look();
  };

  onScopeDispose(stop);
  return { supported, running, problem, start, stop };
};
