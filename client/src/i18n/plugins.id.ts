import type { Words } from './words.ts';
import type { pluginsEn } from './plugins.en.ts';

export const pluginsId: Words<typeof pluginsEn> = {
  plugins: {
    none: 'Tidak ada plugin',
    noneText: 'Pengelola Anda tidak memasang plugin di klien ini.',
    by: 'Ditanyakan oleh plugin {name}',
    stopped: 'Plugin {name} beberapa kali gagal dan dimatikan.',
    permissions: '{count} izin | {count} izin',
    bundled: 'disertakan dalam klien ini',
    erase: 'Hapus datanya',
    eraseText:
      '{name} dimatikan, dan semua yang disimpannya di perangkat ini dihapus: pengaturan, data, dan kuncinya.',
    state: {
      disabled: 'mati',
      'needs-permission': 'kurang izin',
      active: 'hidup',
      failed: 'berhenti setelah galat',
      incompatible: 'tidak cocok dengan klien ini',
    },
    tier: { trusted: 'tepercaya', sandboxed: 'terkurung' },
    call: 'Telepon',
    videoCall: 'Panggilan video',
    reject: 'Plugin {name} tidak dapat melakukannya.',
  },
};
