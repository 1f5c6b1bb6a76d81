import type { UiKit } from '@nyx/plugin-sdk/client/plugin.ts';
import BaseButton from '../components/base/base-button.vue';
import BaseDialog from '../components/base/base-dialog.vue';
import BaseSpinner from '../components/base/base-spinner.vue';
import BaseSwitch from '../components/base/base-switch.vue';
import IconButton from '../components/base/icon-button.vue';
import NoticeBar from '../components/base/notice-bar.vue';
import TextField from '../components/base/text-field.vue';
import UserAvatar from '../components/base/user-avatar.vue';

/** The client's components, as trusted plugins get them. */
export const uiKit: UiKit = {
  Button: BaseButton,
  IconButton,
  Switch: BaseSwitch,
  TextField,
  Dialog: BaseDialog,
  Avatar: UserAvatar,
  NoticeBar,
  Spinner: BaseSpinner,
};
