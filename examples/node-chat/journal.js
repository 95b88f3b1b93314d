// What the server did, for entrega: one JSON object a line into the file that ENTREGA_JOURNAL names, each written before
// anybody can see what it tells (docs/journal.md). Without that variable nothing is written. Copy it into your own
// server: call watch(io) once, stored() where a message was committed, publish() instead of io.to(room).emit().

import { randomUUID } from "node:crypto";
import { openSync, writeSync } from "node:fs";

const TWICE_A_SECOND = 500; // ms
const file = process.env.ENTREGA_JOURNAL && openSync(process.env.ENTREGA_JOURNAL, "a");
let n = 0;

function tell(kind, fields) {
  if (!file) return;
  const rest = JSON.stringify({ kind, n: ++n, ...fields });
  writeSync(file, `{"t":${process.hrtime.bigint()},${rest.slice(1)}\n`);
}

// Connections, and the rooms that they enter and leave; `sessionOf(socket)`: whose socket it is, undefined for agents.
export function watch(io, sessionOf) {
  tell("server_started", { boot: randomUUID(), node: String(process.pid) });
  let due = performance.now() + TWICE_A_SECOND;
  setInterval(() => {
    tell("loop_lag", { lag_ms: Math.max(0, performance.now() - due) });
    due = performance.now() + TWICE_A_SECOND;
  }, TWICE_A_SECOND);
  const { adapter } = io.of("/");
  adapter.on("join-room", (room, sid) => room !== sid && tell("room_entered", { sid, room }));
  adapter.on("leave-room", (room, sid) => room !== sid && tell("room_left", { sid, room }));
  io.on("connection", (socket) => {
    const about = { sid: socket.id, session: sessionOf(socket) };
    tell("sid_connected", about);
    socket.on("disconnect", (reason) => tell("sid_disconnected", { ...about, reason }));
  });
}

export const stored = (session, id) => tell("stored", { session, id });

export function publish(io, room, event, payload, session, id) {
  const sids = [...(io.of("/").adapter.rooms.get(room) ?? [])];
  tell("published", { session, id, room, members: sids.length, sids });
  io.to(room).emit(event, payload);
}
