import { EventType } from '@nyx/federation/spec/event-types.ts';
import { z } from 'zod';
import { splitStateKey, stateKey, type RoomState, type StateValue } from '../events/room-state.ts';
import type { RoomConfig, StateElement, StateSelector } from './sliding-request.ts';

const fits = (element: StateElement, type: string, key: string): boolean =>
  (element.type === undefined || element.type === type) && (element.key === undefined || element.key === key);

/** Whether a selector asks for this state by itself, apart from members that are loaded lazily. */
export const selects = ({ include, exclude, lazy }: StateSelector, type: string, key: string): boolean => {
  if (exclude.some((element) => fits(element, type, key))) return false;
  // With lazy members, only those named one by one are wanted whatever the timeline holds.
  const named = lazy && type === EventType.Member;
  return include.some((element) => fits(element, type, key) && !(named && element.key === undefined));
};

/** Whether any of the selectors does. */
export const selectsAny = (selectors: readonly StateSelector[], type: string, key: string): boolean =>
  selectors.some((selector) => selects(selector, type, key));

/** Whether members are wanted as the timeline needs them. */
export const isLazy = (selectors: readonly StateSelector[]): boolean => selectors.some(({ lazy }) => lazy);

/** The part of a room's state that selectors ask for. */
export const selectState = (
  state: RoomState,
  selectors: readonly StateSelector[],
): Map<string, StateValue> => {
  const selected = new Map<string, StateValue>();
  const take = (selector: StateSelector, type: string, key: string, value: StateValue | undefined): void => {
    if (value !== undefined && value !== '' && selects(selector, type, key)) {
      selected.set(stateKey(type, key), value);
    }
  };
  for (const selector of selectors) {
    // Exact wishes are looked up; only wildcards need the whole state to be gone through, once.
    const wild = selector.include.some(({ type, key }) => type === undefined || key === undefined);
    if (wild) {
      for (const [name, value] of state.entries()) {
        const [type, key] = splitStateKey(name);
        take(selector, type, key, value);
      }
      continue;
    }
    for (const { type = '', key = '' } of selector.include) {
      take(selector, type, key, state.value(stateKey(type, key)));
    }
  }
  return selected;
};

/** Rules that match one room, as one (MSC4186, Combining room configs). */
export const combine = (configs: readonly RoomConfig[]): RoomConfig => {
  const selectors = new Map<string, StateSelector>();
  let timelineLimit = 0;
  for (const config of configs) {
    timelineLimit = Math.max(timelineLimit, config.timelineLimit);
    for (const selector of config.selectors) selectors.set(JSON.stringify(selector), selector);
  }
  const ordered = [...selectors].sort(([a], [b]) => (a < b ? -1 : 1));
  return { timelineLimit, selectors: ordered.map(([, selector]) => selector) };
};

const elementSchema = z
  .object({ type: z.string().optional(), key: z.string().optional() })
  .transform(({ type, key }): StateElement => ({ type, key }));
const selectorsSchema = z.array(
  z.object({ include: z.array(elementSchema), exclude: z.array(elementSchema), lazy: z.boolean() }),
);

/** Selectors as a connection remembers them: JSON; what is none is read as no wish at all. */
export const parseSelectors = (text: string): readonly StateSelector[] => {
  try {
    return selectorsSchema.parse(JSON.parse(text));
  } catch {
    return [];
  }
};
