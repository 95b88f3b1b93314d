// The official Socket.IO server: as many as a test asks for, each doing what its clients tell it to.
//
// Orders are JSON lines on stdin: {"options": {...}, "tls": {"key": FILE, "cert": FILE} or null}. The answer is
// {"port": PORT}. {"mark": M} is answered by {"marked": M}, so that everything before it is known to be there. Every
// other line on stdout tells of one client, by the `play` in its query: what went over its connections as Engine.IO
// packets. It ends with its stdin.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { createInterface } from "node:readline";
import { Server } from "socket.io";
import { printed } from "./lines.js";

const told = (line) => process.stdout.write(printed(line));

// Rooms are a play's own.
const room = (socket, name) => `${socket.conn.request._query.play}:${name}`;

// What a client may ask for by emitting it; `ack` is there if it wants one.
const VERBS = {
  echo: (socket, ack, ...args) => (ack ? ack(...args) : socket.emit("echo", ...args)),
  say: (socket, ack, ...events) => events.forEach((event) => socket.emit(...event)),
  raw: (socket, ack, ...messages) => messages.forEach((message) => socket.conn.write(message)),
  ask: (socket, ack, event, ...args) => socket.emit(event, ...args, (...answer) => socket.emit("answered", ...answer)),
  ackLater: (socket, ack, ms) => setTimeout(ack, ms, "late"),
  attach: (socket, ack, count) => socket.emit("attached", ...Array.from({ length: count }, (_, n) => Buffer.from([n]))),
  join: (socket, ack, name) => (socket.join(room(socket, name)), ack(name)),
  tell: (socket, ack, name, ...event) => socket.nsp.to(room(socket, name)).emit(...event),
  tellLater: (socket, ack, ms, name, ...event) => {
    const to = room(socket, name);
    setTimeout(() => socket.nsp.to(to).emit(...event), ms);
    ack();
  },
  ignore: () => {},
  kick: (socket) => socket.disconnect(),
  sendAway: (socket) => socket.disconnect(true),
  hangUp: (socket) => socket.conn.close(),
  hush: (socket) => clearTimeout(socket.conn.pingIntervalTimer), // it will never ping again
  babble: (socket, ack, ms, times) => {
    let n = 0;
    const timer = setInterval(() => (++n > times ? clearInterval(timer) : socket.emit("babble", n)), ms);
  },
};

// What a client may ask for in its `auth`: refuse: MESSAGE, waitMs, early: [events before CONNECT is answered],
// drop: true (the connection, instead of an answer), greet: [events from the connection handler], hangUp: true (there).
const admit = (socket, next) => {
  const { refuse, waitMs, early = [], drop } = socket.handshake.auth;
  if (drop) return socket.conn.close();
  early.forEach((event) => socket.emit(...event));
  const answer = () => next(refuse && Object.assign(new Error(refuse), { data: { why: refuse } }));
  waitMs ? setTimeout(answer, waitMs) : answer();
};

const welcome = (socket) => {
  const { greet = [], hangUp } = socket.handshake.auth;
  socket.onAny((event, ...args) => {
    const ack = typeof args.at(-1) === "function" ? args.pop() : undefined;
    VERBS[event]?.(socket, ack, ...args);
  });
  greet.forEach((event) => socket.emit(...event));
  if (hangUp) socket.conn.close();
};

const connections = {}; // how many each play had so far
const refused = {};

// `slam=N` in the query: the first N connections are closed as soon as they are open.
const listen = (conn) => {
  const { play, transport, slam = 0 } = conn.request._query;
  const number = (connections[play] = (connections[play] ?? 0) + 1);
  const tell = (way, packet) => told({ play, number, way, ...packet });
  const extensions = conn.request.headers["sec-websocket-extensions"];
  tell("begin", { transport, query: Object.keys(conn.request._query).sort(), extensions });
  conn.on("packet", ({ type, data }) => tell("in", { type, data }));
  conn.on("packetCreate", ({ type, data }) => tell("out", { type, data }));
  conn.on("upgrade", (to) => tell("upgrade", { transport: to.name }));
  conn.on("close", (reason) => tell("end", { reason }));
  if (number <= slam) conn.close();
};

// `forbid=N` in the query: the first N handshakes are answered with HTTP 403.
const allowRequest = (request, answer) => {
  const { play, forbid = 0, sid } = request._query;
  const allowed = sid || (refused[play] ?? 0) >= forbid;
  if (!allowed) refused[play] = (refused[play] ?? 0) + 1;
  answer(null, allowed);
};

const start = ({ options, tls }) => {
  const http = tls ? createTlsServer({ key: readFileSync(tls.key), cert: readFileSync(tls.cert) }) : createServer();
  const io = new Server(http, { allowRequest, ...options });
  io.engine.on("connection", listen);
  for (const namespace of [io.of("/"), io.of("/support")]) namespace.use(admit).on("connection", welcome);
  http.listen(0, "127.0.0.1", () => told({ port: http.address().port }));
};

createInterface({ input: process.stdin })
  .on("line", (line) => {
    const order = JSON.parse(line);
    order.mark ? told({ marked: order.mark }) : start(order);
  })
  .on("close", () => process.exit());
