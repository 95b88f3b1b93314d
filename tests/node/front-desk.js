// A chat in which the server does the joining: a token says whose connection it is, customers are put into their room,
// and agents into one that hears every session. No acks and no login; who opens a session waits at once. Recovers
// connections. A plain text is the customer's payload.
//
// ENTREGA_PORT, FRONT_DESK_KEY (what agents show), ENTREGA_DEFECT=server.wrong-room: who comes again is put into a room
// that nobody emits to, and connections are not recovered.

import { createServer } from "node:http";
import { Server } from "socket.io";

const { env } = process;
const WRONG = env.ENTREGA_DEFECT === "server.wrong-room";
const logs = []; // by session, whose token is its number
const known = new Set();
let count = 0;

function answer(method, path, key, name) {
  const session = Number(/^\/chats\/(\d+)/.exec(path)?.[1]);
  if (path === "/chats") {
    logs.push([]);
    io.to("desk").emit("new chat", { chat: { id: logs.length - 1, visitor: name } });
    return [201, { id: logs.length - 1, token: `visitor-${logs.length - 1}` }];
  }
  if (key !== env.FRONT_DESK_KEY && key !== `visitor-${session}`) return [401, { message: "Who are you?" }];
  return method === "GET" ? [200, logs[session]] : [204];
}

const http = createServer((request, response) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    const body = JSON.parse(Buffer.concat(chunks).toString() || "{}");
    const [status, content] = answer(request.method, request.url, request.headers["x-key"], body.visitor);
    response.writeHead(status, { "Content-Type": "application/json" });
    response.end(content && JSON.stringify(content));
  });
});
const io = new Server(http, {
  pingInterval: 1000 * Number(env.ENTREGA_PING_INTERVAL ?? 25),
  pingTimeout: 1000 * Number(env.ENTREGA_PING_TIMEOUT ?? 20),
  ...(!WRONG && { connectionStateRecovery: {} }),
});
io.use(({ data, handshake }, next) => {
  const { key } = handshake.auth;
  data.agent = key === env.FRONT_DESK_KEY;
  data.session = Number(/^visitor-(\d+)$/.exec(key)?.[1]);
  next(data.agent || logs[data.session] ? undefined : new Error("Authentication error"));
});
io.on("connection", (socket) => {
  const { agent, session } = socket.data;
  const room = agent ? "desk" : `chat-${session}`;
  socket.join(WRONG && known.has(room) && !agent ? `chat${session}` : room);
  known.add(room);
  socket.on("chat", (payload) => {
    const chat = agent ? payload.to : session;
    const message = { no: ++count, chat, text: agent ? payload.text : payload };
    logs[chat].push(message);
    socket.broadcast.to("desk").to(`chat-${chat}`).emit("chat", message);
  });
});
http.listen(Number(env.ENTREGA_PORT ?? 0), "127.0.0.1", () => {
  console.log(`front desk at http://127.0.0.1:${http.address().port}`);
});
