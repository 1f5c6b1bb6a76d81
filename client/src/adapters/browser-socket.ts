import type { SocketPort } from '../matrix/sync/socket.ts';

/** The browser's WebSocket. */
export const browserSockets: SocketPort = {
  open: (url, protocol, on) => {
    const socket = new WebSocket(url, protocol);
    socket.onopen = on.opened;
    socket.onmessage = (event: MessageEvent<unknown>) => {
      if (typeof event.data === 'string') on.text(event.data);
    };
    socket.onclose = (event) => on.closed(event.code);
    return {
      send: (text) => {
        if (socket.readyState === WebSocket.OPEN) socket.send(text);
      },
      close: () => {
        socket.onclose = null;
        socket.onmessage = null;
        socket.close();
      },
    };
  },
};
