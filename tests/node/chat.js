// A small support chat on the official Socket.IO server: what the bundled server offers, by the same names. A peer for
// tests, and what the bench's clients talk to. Healthy: it stores first and emits then, a join is acked with what was
// missed, and only a session's two parties act in it.
//
// ENTREGA_PORT (0: any), ENTREGA_PING_INTERVAL and ENTREGA_PING_TIMEOUT (s), CHAT_KEY and CHAT_CERTIFICATE (PEM
// files; with them it speaks TLS). It prints its address. GET /emitted: how many new-message went to sockets by when.

import { readFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { Server } from "socket.io";
import { Refused, bearerOf, enter, inStatus, issue, missed, open, step, store } from "./conversations.js";

const AGENTS = "agents"; // the room of all agents
const { env } = process;
let emitted = 0;

const membersOf = (room) => io.of("/").adapter.rooms.get(room)?.size ?? 0;

// To the room but for the sender's own socket; of a message that came by REST nobody is left out.
function publish(message, socket) {
  const room = `chat:${message.sessionId}`;
  emitted += membersOf(room) - (socket?.rooms.has(room) ? 1 : 0);
  (socket ?? io).to(room).emit("new-message", { message, from: message.sender });
}

// -- by REST

const SESSION = /^\/api\/chat\/sessions\/(\w+)\/(messages|escalate|assume|close)$/;

function answer(method, url, token, body) {
  const parts = SESSION.exec(url.pathname);
  if (parts) return ofSession(method, parts[1], parts[2], url, bearerOf(token), body);
  switch (`${method} ${url.pathname}`) {
    case "GET /healthz":
      return [200, { ok: true }];
    case "GET /emitted":
      return [200, { t_ns: Number(process.hrtime.bigint()), emitted }];
    case "POST /api/agents/token":
      if (body.secret !== (env.ENTREGA_AGENT_SECRET ?? "entrega")) throw new Refused(403, "That is not the secret.");
      return [200, { token: issue("agent", body.name) }];
    case "POST /api/chat/sessions":
      return [201, open(body)];
    case "GET /api/chat/sessions":
      return [200, { sessions: inStatus(url.searchParams.get("status") ?? "waiting", bearerOf(token)) }];
    default:
      throw new Refused(404, `There is no ${method} ${url.pathname} here.`);
  }
}

function ofSession(method, id, what, url, bearer, body) {
  if (method === "GET" && what === "messages") {
    return [200, { messages: missed(id, Number(url.searchParams.get("after") ?? 0), bearer) }];
  }
  if (method !== "POST") throw new Refused(405, `There is no ${method} of ${what} here.`);
  if (what === "messages") {
    const { message, isNew } = store(id, bearer, body);
    if (isNew) publish(message, null);
    return [isNew ? 201 : 200, { message }];
  }
  const { session, changed } = step(id, what, bearer);
  if (changed && what === "escalate") io.to(AGENTS).emit("session-waiting", { session });
  return [200, { session }];
}

function bodyOf(text) {
  try {
    const body = JSON.parse(text || "{}");
    if (typeof body === "object" && body !== null) return body;
  } catch {} // the same refusal for what is no JSON and for what is no object
  throw new Refused(422, "The body is no JSON object.");
}

function rest(request, response) {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    let status, content;
    try {
      const token = (request.headers.authorization ?? "").replace(/^Bearer /i, "");
      const url = new URL(request.url, "http://chat");
      [status, content] = answer(request.method, url, token, bodyOf(Buffer.concat(chunks).toString()));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      [status, content] = [error.status, { error: error.message }];
    }
    response.writeHead(status, { "Content-Type": "application/json" });
    response.end(JSON.stringify(content));
  });
}

// -- by socket

const EVENTS = {
  join(socket, payload) {
    const { room, after } = typeof payload === "string" ? { room: payload } : payload ?? {};
    const chat = enter(sessionOf(room), socket.data.bearer);
    socket.join(room); // then read what was missed, so that nothing falls in between
    const messages = missed(chat.session.id, after, socket.data.bearer);
    return { room, members: membersOf(room), seq: chat.messages.length, messages };
  },
  leave(socket, payload) {
    const room = typeof payload === "string" ? payload : payload?.room;
    sessionOf(room);
    socket.leave(room);
    return { room };
  },
  "send-message"(socket, payload) {
    const { message, isNew } = store(payload?.sessionId, socket.data.bearer, payload ?? {});
    if (isNew) publish(message, socket);
    return { message };
  },
};

function sessionOf(room) {
  if (typeof room === "string" && /^chat:\w+$/.test(room)) return room.slice(5);
  throw new Refused(422, `There is no room ${JSON.stringify(room)}; a room is chat:SESSION.`);
}

function serve(socket) {
  if (socket.data.bearer.role === "agent") socket.join(AGENTS);
  socket.onAny((name, ...payload) => {
    const ack = typeof payload.at(-1) === "function" ? payload.pop() : () => {};
    try {
      if (!Object.hasOwn(EVENTS, name)) throw new Refused(404, `There is no event '${name}' here.`);
      ack({ ok: true, ...EVENTS[name](socket, payload[0]) });
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      ack({ ok: false, error: error.message });
    }
  });
}

// -- the server

const tls = env.CHAT_KEY && { key: readFileSync(env.CHAT_KEY), cert: readFileSync(env.CHAT_CERTIFICATE) };
const server = tls ? createHttpsServer(tls, rest) : createHttpServer(rest);
const io = new Server(server, {
  pingInterval: 1000 * Number(env.ENTREGA_PING_INTERVAL || 25),
  pingTimeout: 1000 * Number(env.ENTREGA_PING_TIMEOUT || 20),
});
io.use((socket, next) => {
  try {
    socket.data.bearer = bearerOf(socket.handshake.auth.token);
  } catch (error) {
    return next(error);
  }
  next();
});
io.on("connection", serve);
server.keepAliveTimeout = 60_000; // longer than a run's parties are silent by REST
server.listen(Number(env.ENTREGA_PORT || 0), "127.0.0.1", () => {
  console.log(`chat ready at ${tls ? "https" : "http"}://127.0.0.1:${server.address().port}`);
});
process.on("SIGTERM", () => process.exit(0));
