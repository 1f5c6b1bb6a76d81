import type { Component } from 'vue';
import type { Blocks } from './blocks.ts';
import type {
  ArrivedEvent,
  Content,
  DeviceMessage,
  Draft,
  ResolvedProfile,
  RoomInfo,
  ShownEvent,
} from './data.ts';

type Later<T> = T | Promise<T>;

/** What the person entered into `input` blocks, by their ids. */
export type BlockValues = Readonly<Record<string, string>>;

/** Names of icons that the client has; a trusted plugin may give a component instead. */
export type IconName =
  | 'bell'
  | 'book'
  | 'bookmark'
  | 'chart'
  | 'check'
  | 'clock'
  | 'code'
  | 'dice'
  | 'file'
  | 'flag'
  | 'heart'
  | 'link'
  | 'list'
  | 'map'
  | 'phone'
  | 'puzzle'
  | 'shield'
  | 'star'
  | 'users'
  | 'video';

/** Draws events of the type named by the contribution's scope. */
export interface MessageRenderer {
  /** What is shown in place of the message; undefined or a failure shows the client's own rendering. */
  render(event: ShownEvent): Later<Blocks | undefined>;
  /** Height before it is measured, px; by default a guess from the blocks. */
  readonly height?: number;
  /** A button of the blocks was pressed. */
  onAction?(event: ShownEvent, actionId: string, values: BlockValues): Later<void>;
}

/** An entry of a message's menu. */
export interface MessageAction {
  readonly label: string;
  readonly icon?: IconName;
  run(event: ShownEvent): Later<void>;
}

/** What to do with the text that is being written: put something in at the cursor, or replace all of it. */
export type DraftChange = { readonly insert: string } | { readonly replace: string };

/** A button beside the text that is being written. */
export interface ComposerAction {
  readonly label: string;
  readonly icon?: IconName;
  run(draft: Draft): Later<DraftChange | undefined>;
}

/** What a slash command leads to: an event (permission to send its type), text in the composer, or a note to the person. */
export type CommandResult =
  | { readonly send: { readonly type: string; readonly content: Content } }
  | { readonly insert: string }
  | { readonly notice: string };

/** A command: `/name args`. Commands of the client itself come first. */
export interface SlashCommand {
  /** Lower-case letters, digits, hyphens. */
  readonly name: string;
  readonly description: string;
  /** What to write behind it, such as `[count]`. */
  readonly usage?: string;
  run(input: { readonly args: string; readonly roomId: string }): Later<CommandResult | undefined>;
}

/** Something shown above the text that is being written, asked for while the person pauses. */
export interface ComposerPreview {
  preview(draft: Draft): Later<Blocks | undefined>;
}

/** A button in the header of rooms. */
export interface RoomHeaderButton {
  readonly label: string;
  readonly icon?: IconName;
  /** The side panel of this plugin that it opens; else `run` is called. */
  readonly panel?: string;
  run?(room: RoomInfo): Later<void>;
}

/** A panel beside the timeline. */
export interface SidePanel {
  render(room: RoomInfo): Later<Blocks>;
  onAction?(room: RoomInfo, actionId: string, values: BlockValues): Later<void>;
}

/** A part of the card that shows somebody. */
export interface UserCard {
  render(user: { readonly userId: string; readonly roomId: string }): Later<Blocks | undefined>;
  onAction?(
    user: { readonly userId: string; readonly roomId: string },
    actionId: string,
    values: BlockValues,
  ): Later<void>;
}

/** A short mark beside messages of the type named by the scope. */
export interface TimelineDecoration {
  decorate(
    event: ShownEvent,
  ): Later<{ readonly text: string; readonly tone?: 'soft' | 'good' | 'warn' | 'bad' } | undefined>;
}

/** A page of the settings: the manifest's settings, and under them these blocks. */
export interface SettingsPane {
  render?(): Later<Blocks>;
  onAction?(actionId: string, values: BlockValues): Later<void>;
}

/** A field of profiles; the key is the contribution's scope. */
export interface ProfileField {
  readonly label: string;
  view(value: unknown): Later<Blocks>;
  /** How the person changes it: `text` saves a string; `none` shows only. */
  readonly edit: 'none' | 'text';
  readonly maxLength?: number;
}

/** Refuses to send a message; the reason is shown. */
export type Rejection = { readonly reject: string };

/** Asked before a message of the scope's type is encrypted. A failure or 150 ms without answer refuses nothing. */
export interface BeforeEncrypt {
  /** Lower ones are asked first; 100 when not given. */
  readonly priority?: number;
  /** A change of the content, or a refusal; the relation and mentions of the message stay what they were. */
  run(message: {
    readonly roomId: string;
    readonly type: string;
    readonly content: Content;
  }): Later<{ readonly content: Content } | Rejection | undefined>;
}

/** Changes how a decrypted message is shown, within 50 ms. What was sent stays stored, and the reader sees who changed it. */
export interface AfterDecrypt {
  readonly priority?: number;
  run(event: ShownEvent): Later<{ readonly content: Content } | undefined>;
}

/** Told of events of the scope's type (`m.call.*` covers all that begin so), after a whole sync has been taken in. */
export interface EventReader {
  take(events: readonly ArrivedEvent[]): Later<void>;
}

/** Told of encrypted messages to this device of the scope's type. */
export interface DeviceMessageReader {
  take(message: DeviceMessage): Later<void>;
}

/** What a sandboxed plugin registers, by point. */
export type ClientContributions = {
  readonly 'message-renderer': MessageRenderer;
  readonly 'message-action': MessageAction;
  readonly 'composer-action': ComposerAction;
  readonly 'slash-command': SlashCommand;
  readonly 'composer-preview': ComposerPreview;
  readonly 'room-header-button': RoomHeaderButton;
  readonly 'side-panel': SidePanel;
  readonly 'user-card': UserCard;
  readonly 'timeline-decoration': TimelineDecoration;
  readonly 'settings-pane': SettingsPane;
  readonly 'profile-field': ProfileField;
  readonly 'before-encrypt': BeforeEncrypt;
  readonly 'after-decrypt': AfterDecrypt;
  readonly 'read-events': EventReader;
  readonly 'device-messages': DeviceMessageReader;
};

/** A Vue component in place of blocks, for trusted plugins. What it throws removes it, not what is around it. */
export type Drawn<Props> = {
  /** Gets the named props. */
  readonly component: Component<Props>;
};

/** Voice and video calls. The client shows buttons for it where `canHandle` says yes. */
export interface CallProvider {
  /** Asked when a room opens and when its members change. */
  canHandle(room: RoomInfo): boolean;
  start(roomId: string, options: { readonly video: boolean }): Promise<void>;
  answer(callId: string, options: { readonly video: boolean }): Promise<void>;
  hangup(callId: string): Promise<void>;
  status(): readonly {
    readonly callId: string;
    readonly roomId: string;
    readonly state: 'ringing' | 'connecting' | 'connected' | 'ended';
  }[];
}

/** Says how people look to us. Synchronous: it is asked while rows are drawn, so keep what you know at hand. */
export interface ProfileResolver {
  /** Undefined leaves everything as the server says. Read Vue state in it, and rows follow when that changes. */
  resolveProfile(userId: string): ResolvedProfile | undefined;
}

/** What a trusted plugin registers, by point. */
export type TrustedContributions = Omit<
  ClientContributions,
  | 'message-renderer'
  | 'room-header-button'
  | 'side-panel'
  | 'user-card'
  | 'timeline-decoration'
  | 'settings-pane'
> & {
  readonly 'message-renderer':
    MessageRenderer | (Drawn<{ event: ShownEvent }> & { readonly height?: number });
  readonly 'room-header-button': RoomHeaderButton | Drawn<{ room: RoomInfo }>;
  readonly 'side-panel': SidePanel | Drawn<{ room: RoomInfo }>;
  readonly 'user-card': UserCard | Drawn<{ userId: string; roomId: string }>;
  readonly 'timeline-decoration': TimelineDecoration | Drawn<{ event: ShownEvent }>;
  readonly 'settings-pane': SettingsPane | Drawn<object>;
  /** Over everything, for as long as the session is open: draw nothing until there is something to show. */
  readonly overlay: Drawn<object>;
  readonly 'profile-resolver': ProfileResolver;
  readonly 'call-provider': CallProvider;
};
