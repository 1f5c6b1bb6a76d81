/** What the bench of the page runs inside it. Each function is sent to the browser as it stands. */

/** Writes `count` messages into a room of the account's store, as if they had been synced long ago. */
export const seedEvents = async (input: {
  roomId: string;
  count: number;
  database: string;
}): Promise<void> => {
  const { roomId, count, database } = input;
  const words =
    'the tide table says that low water comes at nine so bring boots rope lamps and something warm'.split(
      ' ',
    );
  const db = await new Promise<IDBDatabase>((resolve, reject) => {
    const request = indexedDB.open(database);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(new Error('no store'));
  });
  const now = Date.now();
  for (let from = 0; from < count; from += 5_000) {
    await new Promise<void>((resolve, reject) => {
      const tx = db.transaction(['events', 'segments'], 'readwrite');
      const events = tx.objectStore('events');
      for (let n = from; n < Math.min(count, from + 5_000); n += 1) {
        const length = 3 + ((n * 7) % 40);
        const body = Array.from({ length }, (_, at) => words[(n * 3 + at * 5) % words.length]).join(' ');
        events.put({
          r: roomId,
          s: 0,
          i: n - count,
          id: `$seed${n}`,
          ev: {
            event_id: `$seed${n}`,
            type: 'm.room.message',
            sender: n % 3 === 0 ? '@ana:seed.example' : '@ben:seed.example',
            origin_server_ts: now - (count - n) * 60_000,
            content: { msgtype: 'm.text', body: `${body} (${n})` },
          },
        });
      }
      tx.objectStore('segments').put({ r: roomId, s: 0, prev: { kind: 'start' }, first: -count });
      tx.oncomplete = () => resolve();
      tx.onerror = () => reject(new Error('not written'));
    });
  }
  db.close();
};

/** Copies one stored room `count` times under other names. */
export const seedRooms = async (input: {
  roomId: string;
  count: number;
  database: string;
}): Promise<void> => {
  const { roomId, count, database } = input;
  const db = await new Promise<IDBDatabase>((resolve, reject) => {
    const request = indexedDB.open(database);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(new Error('no store'));
  });
  await new Promise<void>((resolve, reject) => {
    const tx = db.transaction('rooms', 'readwrite');
    const rooms = tx.objectStore('rooms');
    const request: IDBRequest<Record<string, unknown>> = rooms.get(roomId);
    request.onsuccess = () => {
      for (let n = 0; n < count; n += 1) {
        rooms.put({
          ...request.result,
          roomId: `!seed${n}:seed.example`,
          name: `Room number ${n}`,
          lastTs: n,
        });
      }
    };
    tx.oncomplete = () => resolve();
    tx.onerror = () => reject(new Error('not written'));
  });
  db.close();
};

/** Clicks a room in the list; milliseconds until a row with this text stands on the page. */
export const timeOpening = async (input: { room: string; text: string }): Promise<number> => {
  const link = [...document.querySelectorAll<HTMLElement>('[data-room]')].find((one) =>
    one.textContent.includes(input.room),
  );
  if (link === undefined) throw new Error(`no room ${input.room}`);
  const start = performance.now();
  link.click();
  for (let frame = 0; frame < 1_200; frame += 1) {
    await new Promise((resolve) => requestAnimationFrame(resolve));
    const rows = [...document.querySelectorAll('.message')];
    if (rows.some((row) => row.textContent.includes(input.text))) return performance.now() - start;
  }
  throw new Error('the room did not open');
};

/** Scrolls an element by steps, one each frame; lengths of the frames, ms. */
export const timeFrames = async (input: {
  selector: string;
  step: number;
  frames: number;
}): Promise<number[]> => {
  const found = [...document.querySelectorAll<HTMLElement>(input.selector)].find(
    (one) => one.scrollHeight > one.clientHeight,
  );
  if (found === undefined) throw new Error(`nothing to scroll at ${input.selector}`);
  const lengths: number[] = [];
  let last = 0;
  for (let frame = 0; frame < input.frames; frame += 1) {
    const now = await new Promise<number>((resolve) => requestAnimationFrame(resolve));
    if (last > 0) lengths.push(now - last);
    last = now;
    found.scrollBy(0, input.step);
  }
  return lengths;
};

/**
 * The largest movement of the first row on screen while older pages arrive above it, px. It scrolls to where the list
 * asks for them, and then holds still.
 */
export const measureDrift = async (frames: number): Promise<number> => {
  const scroller = document.querySelector<HTMLElement>('.talk .scroller');
  if (scroller === null) throw new Error('no timeline');
  let worst = 0;
  for (let round = 0; round < 5; round += 1) {
    scroller.scrollTop = 900;
    for (let wait = 0; wait < 3; wait += 1) await new Promise((resolve) => requestAnimationFrame(resolve));
    const top = scroller.getBoundingClientRect().top;
    const row = [...scroller.querySelectorAll<HTMLElement>('.row')].find(
      (one) => one.getBoundingClientRect().bottom > top + 1 && one.querySelector('.message') !== null,
    );
    const key = row?.dataset.key;
    if (row === undefined || key === undefined) throw new Error('no row on screen');
    const before = row.getBoundingClientRect().top;
    for (let frame = 0; frame < frames; frame += 1) {
      await new Promise((resolve) => requestAnimationFrame(resolve));
      const now = scroller.querySelector(`[data-key="${CSS.escape(key)}"]`)?.getBoundingClientRect().top;
      worst = Math.max(worst, Math.abs((now ?? Number.POSITIVE_INFINITY) - before));
    }
  }
  return worst;
};
