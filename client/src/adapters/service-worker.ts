import { ref } from 'vue';

/** True when a newer build waits; the page asks before it switches. */
export const updateReady = ref(false);
let waitingWorker: ServiceWorker | undefined;

/** Installs the offline copy of this build. A failure costs only offline start-up. */
export const registerServiceWorker = (): void => {
  if (!('serviceWorker' in navigator) || !import.meta.env.PROD) return;
  const watchInstall = (registration: ServiceWorkerRegistration): void => {
    const worker = registration.installing;
    worker?.addEventListener('statechange', () => {
      if (worker.state !== 'installed' || navigator.serviceWorker.controller === null) return;
      waitingWorker = worker;
      updateReady.value = true;
    });
  };
  navigator.serviceWorker.register('./sw.js', { updateViaCache: 'none' }).then(
    (registration) => {
      if (registration.waiting !== null) {
        waitingWorker = registration.waiting;
        updateReady.value = true;
      }
      registration.addEventListener('updatefound', () => watchInstall(registration));
    },
    () => undefined,
  );
};

/** Switches to the waiting build and reloads once it controls the page. */
export const applyUpdate = (): void => {
  navigator.serviceWorker.addEventListener('controllerchange', () => location.reload(), { once: true });
  waitingWorker?.postMessage('activate');
};
