import { ref } from 'vue';
import { useAnnouncer } from './use-announcer.ts';

export type ToastTone = 'info' | 'good' | 'bad';
export type Toast = {
  id: number;
  text: string;
  tone: ToastTone;
  action?: { label: string; run: () => void };
};

const maxToasts = 4;
const toasts = ref<Toast[]>([]);
let nextId = 1;

/** Short messages at the foot of the page. An error stays until it is closed; the rest go after some seconds. */
export const useToasts = () => {
  const { announce } = useAnnouncer();
  return {
    toasts,
    dismiss: (id: number): void => {
      toasts.value = toasts.value.filter((toast) => toast.id !== id);
    },
    show: (text: string, tone: ToastTone = 'info', action?: Toast['action']): void => {
      const toast: Toast =
        action === undefined ? { id: nextId, text, tone } : { id: nextId, text, tone, action };
      nextId += 1;
      toasts.value = [...toasts.value.slice(1 - maxToasts), toast];
      announce(text, tone === 'bad' ? 'urgent' : 'polite');
    },
  };
};
