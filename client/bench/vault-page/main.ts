/** Starts the worker of the vault's bench and hands its figures on. */
import type { VaultFigures } from './vault-bench.worker.ts';

declare global {
  interface Window {
    measureVault: (sessions: number, rounds: number) => Promise<VaultFigures>;
  }
}

window.measureVault = (sessions, rounds) =>
  new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./vault-bench.worker.ts', import.meta.url), { type: 'module' });
    worker.onmessage = ({ data }: MessageEvent<VaultFigures>) => resolve(data);
    worker.onerror = ({ message }) => reject(new Error(message));
    worker.postMessage({ sessions, rounds });
  });
