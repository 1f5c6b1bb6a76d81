import { h, type FunctionalComponent } from 'vue';

type IconProps = { readonly size?: number };

const icon =
  (...paths: readonly string[]): FunctionalComponent<IconProps> =>
  ({ size = 20 }) =>
    h(
      'svg',
      {
        ...{ width: size, height: size, viewBox: '0 0 24 24', fill: 'none', stroke: 'currentColor' },
        ...{
          'stroke-width': 2,
          'stroke-linecap': 'round',
          'stroke-linejoin': 'round',
          'aria-hidden': 'true',
        },
      },
      paths.map((d) => h('path', { d })),
    );

const RECEIVER =
  'M5 4h4l2 5-2.5 1.5a11 11 0 0 0 5 5L15 13l5 2v4a2 2 0 0 1-2 2A16 16 0 0 1 3 6a2 2 0 0 1 2-2z';
const STRIKE = 'M3 3l18 18';
const MICROPHONE = [
  'M12 3a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3z',
  'M5 11a7 7 0 0 0 14 0',
  'M12 18v3',
];
const CAMERA = [
  'M4 6h10a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2H4a2 2 0 0 1-2-2V8a2 2 0 0 1 2-2z',
  'M16 11l6-4v10l-6-4',
];

/** Pictures of the buttons of a call, drawn here: the SDK brings none. */
export const PhoneIcon = icon(RECEIVER);
export const HangUpIcon = icon(RECEIVER, STRIKE);
export const MicrophoneIcon = icon(...MICROPHONE);
export const MutedIcon = icon(...MICROPHONE, STRIKE);
export const CameraIcon = icon(...CAMERA);
export const NoCameraIcon = icon(...CAMERA, STRIKE);
export const ScreenIcon = icon(
  'M4 4h16a1 1 0 0 1 1 1v10a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1V5a1 1 0 0 1 1-1z',
  'M8 21h8',
  'M12 16v5',
);
export const DevicesIcon = icon('M4 7h10', 'M18 7h2', 'M16 5v4', 'M4 17h4', 'M12 17h8', 'M10 15v4');
export const SmallIcon = icon('M4 14h6v6', 'M20 10h-6V4', 'M14 10l7-7', 'M3 21l7-7');
export const LargeIcon = icon('M15 3h6v6', 'M9 21H3v-6', 'M21 3l-7 7', 'M3 21l7-7');
