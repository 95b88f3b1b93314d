// A chat as the first page of a tutorial has it: no login, no acks, no ids, no history. The room is a bare string.
//
// ENTREGA_PORT, ENTREGA_PING_INTERVAL and ENTREGA_PING_TIMEOUT (s). Who emits "join room" hears "joined", too. "enter",
// "say" and "said" are the same in several arguments (words.toml), of "post" and "posted" one is an object (posts.toml).
// As behind a balancer that is sticky by a cookie, what follows a handshake (polls, the upgrade) is refused without it. Whose
// request names no tenant is refused altogether.

import { createServer } from "node:http";
import { Server } from "socket.io";

const { env } = process;
let rooms = 0;

const http = createServer((request, answer) => {
  const found = request.method === "POST" && request.url === "/rooms" && request.headers["x-tenant"] === "shop";
  answer.writeHead(found ? 201 : 404, { "Content-Type": "application/json" });
  answer.end(JSON.stringify(found ? { id: ++rooms } : {}));
});
const io = new Server(http, {
  pingInterval: 1000 * Number(env.ENTREGA_PING_INTERVAL ?? 25),
  pingTimeout: 1000 * Number(env.ENTREGA_PING_TIMEOUT ?? 20),
  cookie: { name: "node", httpOnly: true },
  allowRequest: ({ _query: { sid }, headers }, done) =>
    done(null, headers["x-tenant"] === "shop" && (!sid || headers.cookie === `node=${sid}`)),
});
io.on("connection", (socket) => {
  socket.on("join room", (room) => {
    socket.join(room);
    socket.emit("joined", { room });
  });
  socket.on("take", ({ room } = {}, done) => done(room > 0 && Number.isInteger(room) ? null : "Nobody is there."));
  socket.on("leave room", (room) => socket.leave(String(room)));
  socket.on("enter", (name, room, done) => {
    if (name) socket.join(room);
    done(name ? {} : { error: "Who is there?" });
  });
  socket.on("post", (room, { body, ref } = {}, done) => {
    if (body) io.to(room).emit("posted", room, { body, ref });
    done(body ? null : { code: "Say something." }, { body, ref });
  });
  socket.on("say", (room, msg) => io.to(room).emit("said", room, msg));
  socket.on("chat message", ({ room, msg }) => io.to(room).emit("chat message", msg));
});
http.listen(Number(env.ENTREGA_PORT ?? 0), "127.0.0.1", () => {
  console.log(`listening at http://127.0.0.1:${http.address().port}`);
});
