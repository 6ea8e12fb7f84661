// The relay that one writes with Node and ws: both dialects of whisperd's, rooms in a Map, no logging, no limits but
// ws's own on the size of a message. 'node relay.mjs PORT' serves on loopback until it is killed.

import { WebSocketServer } from 'ws';

const rooms = new Map();
const SIGNALS = new Set(['offer', 'answer', 'ice-candidate']);

function seat(socket, name, number) {
  const room = rooms.get(name) ?? [null, null];
  const free = number ?? room.indexOf(null);
  if (free < 0 || room[free] !== null) return socket.close(4001);
  rooms.set(name, room);
  room[free] = socket;
  socket.room = name;
  socket.other = () => room[1 - free];
  socket.leave = () => {
    room[free] = null;
    if (room[0] === null && room[1] === null) rooms.delete(name);
  };
  if (room[1 - free] !== null) for (const each of room) each.send('{"type":"ready"}');
}

function whisper(socket, data, binary) {
  if (binary) return socket.close(4004);
  const frame = JSON.parse(data);
  if (frame.type === 'join') seat(socket, `w ${frame.sessionCode}`, frame.isInitiator ? 0 : 1);
  else if (SIGNALS.has(frame.type) && socket.room === `w ${frame.sessionCode}`) socket.other()?.send(data, { binary });
}

function whisperd(socket, data, binary) {
  if (binary) return socket.other?.()?.send(data, { binary });
  const frame = JSON.parse(data);
  if (frame.type === 'join') seat(socket, `d ${frame.room}`);
  else if (frame.type === 'leave') socket.leave?.();
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
  socket.on('close', () => socket.leave?.());
});
