/** Words of plugins in the settings and in rooms. */
export const pluginsEn = {
  plugins: {
    none: 'No plugins',
    noneText: 'Your operator has installed none in this client.',
    by: 'Asked by the plugin {name}',
    stopped: 'The plugin {name} failed several times and was switched off.',
    permissions: '{count} permission | {count} permissions',
    bundled: 'came with this client',
    erase: 'Erase its data',
    eraseText:
      '{name} is switched off, and what it kept on this device is erased: its settings, its data and its keys.',
    state: {
      disabled: 'off',
      'needs-permission': 'lacks a permission',
      active: 'on',
      failed: 'stopped after errors',
      incompatible: 'does not fit this client',
    },
    tier: { trusted: 'trusted', sandboxed: 'sandboxed' },
    call: 'Call',
    videoCall: 'Video call',
    reject: 'The plugin {name} could not do this.',
  },
};
