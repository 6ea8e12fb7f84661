// The relay that one writes with Node and ws: both dialects of whisperd's, frame for frame, rooms in a Map. No logging,
// no pings, no errors, no expiry, no limits but ws's own on the size of a message; seat tokens are kept as they come.
// 'node relay.mjs PORT' serves on loopback until it is killed.

import { WebSocketServer } from 'ws';

const rooms = new Map();
const SIGNALS = new Set(['offer', 'answer', 'ice-candidate']);
const LIMITS = { frame: 65536, expiry: 600 };

function seat(socket, name, choose) {
  const room = rooms.get(name) ?? { sockets: [null, null], tokens: [null, null] };
  const { sockets } = room;
  const chosen = choose(room);
  if (chosen < 0) return socket.close(4001);
  rooms.set(name, room);
  sockets[chosen] = socket;
  socket.room = name;
  socket.other = () => sockets[1 - chosen];
  socket.leave = (reason) => {
    if (sockets[chosen] !== socket) return;
    sockets[chosen] = null;
    if (reason === 'left') room.tokens[chosen] = null;
    if (sockets[0] === null && sockets[1] === null) rooms.delete(name);
    if (socket.protocol) sockets[1 - chosen]?.send(JSON.stringify({ type: 'peer-left', reason }));
  };
  if (socket.protocol) {
    socket.send(JSON.stringify({ type: 'joined', seat: chosen, peer: sockets[1 - chosen] !== null, limits: LIMITS }));
  }
  if (sockets[1 - chosen] !== null) for (const each of sockets) each.send('{"type":"ready"}');
}

function whisper(socket, data, binary) {
  if (binary) return socket.close(4004);
  const frame = JSON.parse(data);
  if (frame.type === 'join') {
    const number = frame.isInitiator ? 0 : 1;
    seat(socket, `w ${frame.sessionCode}`, ({ sockets }) => (sockets[number] === null ? number : -1));
  }
  if (SIGNALS.has(frame.type) && socket.room === `w ${frame.sessionCode}`) socket.other()?.send(data, { binary });
}

function whisperd(socket, data, binary) {
  if (binary) return socket.other?.()?.send(data, { binary });
  const frame = JSON.parse(data);
  if (frame.type === 'join') {
    seat(socket, `d ${frame.room}`, ({ tokens }) => {
      const chosen = tokens.includes(frame.token) ? tokens.indexOf(frame.token) : tokens.indexOf(null);
      if (chosen >= 0) tokens[chosen] = frame.token;
      return chosen;
    });
  } else if (frame.type === 'leave') socket.leave?.('left');
}

const server = new WebSocketServer({ host: '127.0.0.1', port: Number(process.argv[2]), maxPayload: 65536 });
server.on('connection', (socket) => {
  const dialect = socket.protocol === 'whisperd.1' ? whisperd : whisper;
  socket.on('message', (data, binary) => {
    try {
      dialect(socket, data, binary);
    } catch {
      socket.close(4005);
    }
  });
  socket.on('error', () => {});
  socket.on('close', () => socket.leave?.('lost'));
});
