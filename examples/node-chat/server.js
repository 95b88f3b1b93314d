// A small support chat, as a team might have it: visitors talk to operators over Express and Socket.IO.
//
// PORT or ENTREGA_PORT (0: any), ENTREGA_PING_INTERVAL and ENTREGA_PING_TIMEOUT (s), STATE_RECOVERY=on for Socket.IO's
// connection state recovery, DESK_PASSWORD (default: entrega). Two bugs can be switched on by ENTREGA_DEFECT:
//   server.room-typo    messages are emitted to another room than the one that is entered
//   server.enter-once   who enters a conversation again is told yes, and stays outside

import { createServer } from "node:http";
import { parse } from "node:querystring";
import express from "express";
import { Server } from "socket.io";
import { Refused, about, find, isOperator, logIn, ofTicket, open, queue, say, since } from "./conversations.js";
import { publish, stored, watch } from "./journal.js";

const { env } = process;
const bugs = (env.ENTREGA_DEFECT ?? "").split(",");
const seconds = (name, otherwise) => 1000 * Number(env[name] ?? otherwise);
const OPERATORS = "operators";

const app = express();
const http = createServer(app);
const io = new Server(http, {
  path: "/rt/",
  cors: { origin: "https://shop.example", credentials: true },
  pingInterval: seconds("ENTREGA_PING_INTERVAL", 25),
  pingTimeout: seconds("ENTREGA_PING_TIMEOUT", 20),
  ...(env.STATE_RECOVERY === "on" && { connectionStateRecovery: {} }),
});

const roomOf = (uid) => `conversation/${uid}`;
const sessionIn = (cookies) => parse(cookies ?? "", /; */).desk;

// Who asks: an operator, or the visitor of one conversation.
function admit(request, uid) {
  if (!isOperator(sessionIn(request.headers.cookie)) && ofTicket(request.get("X-Ticket")) !== uid) {
    throw new Refused(401, "Log in, or show the conversation's ticket.");
  }
}

function deliver(uid, from, content) {
  const message = say(uid, from, content);
  stored(uid, message._id);
  const room = bugs.includes("server.room-typo") ? `conversations/${uid}` : roomOf(uid);
  publish(io, room, "chat:message", { type: "message", data: message }, uid, message._id);
  return message;
}

// -- by REST

app.use(express.json({ limit: "32kb" }));

app.post("/visitor/conversations", ({ body }, answer) => {
  answer.status(201).json({ data: open(body?.visitor?.displayName) });
});
app.post("/operators/session", ({ body }, answer) => {
  answer.cookie("desk", logIn(body?.login, body?.password), { httpOnly: true }).json({ ok: true });
});
app.get("/operators/queue", (request, answer) => {
  admit(request);
  answer.json(queue());
});
app.post("/conversations/:uid/handover", (request, answer) => {
  const { uid } = request.params;
  admit(request, uid);
  find(uid).state = "queued";
  io.to(OPERATORS).emit("queue:new", { conversation: about(find(uid)) });
  answer.status(204).end();
});
app.put("/conversations/:uid/operator", (request, answer) => {
  admit(request);
  const conversation = find(request.params.uid);
  if (conversation.state !== "queued") throw new Refused(409, "Somebody has it already.");
  conversation.state = "open";
  answer.json({ data: about(conversation) });
});
app.delete("/conversations/:uid", (request, answer) => {
  admit(request, request.params.uid);
  find(request.params.uid).state = "closed";
  answer.status(204).end();
});
app.post("/conversations/:uid/messages", (request, answer) => {
  admit(request);
  answer.status(201).json({ data: deliver(request.params.uid, "operator", request.body?.content) });
});
app.get("/conversations/:uid/messages", (request, answer) => {
  const { uid } = request.params;
  admit(request, uid);
  answer.json({ data: since(uid, String(request.query.since ?? "")) });
});
app.use((error, request, answer, next) => {
  answer.status(error.status ?? 500).json({ message: error.message });
});

// -- by socket

io.use((socket, next) => {
  const { headers, query } = socket.handshake;
  socket.data.conversation = ofTicket(query.ticket);
  socket.data.operator = isOperator(sessionIn(headers.cookie));
  next(socket.data.conversation || socket.data.operator ? undefined : new Error("No ticket and no operator's cookie."));
});

const entered = new Set(); // conversations that their visitor has entered before

io.on("connection", (socket) => {
  const { conversation, operator } = socket.data;
  const mine = (uid) => (operator ? find(uid) : uid === conversation) || new Refused(403, "That is not yours.");
  if (operator) socket.join(OPERATORS);

  socket.on("enter", ({ conversation: uid } = {}, done) => {
    if (mine(uid) instanceof Refused) return done?.("That is not yours.");
    const again = !operator && entered.has(uid);
    if (!operator) entered.add(uid);
    if (!(again && bugs.includes("server.enter-once"))) socket.join(roomOf(uid));
    done?.(null, { room: roomOf(uid) });
  });
  socket.on("say", ({ conversation: uid, content } = {}, done) => {
    if (mine(uid) instanceof Refused) return done?.("That is not yours.");
    try {
      done?.(null, deliver(uid, operator ? "operator" : "visitor", content));
    } catch (error) {
      done?.(error.message);
    }
  });
});

watch(io, (socket) => socket.data.conversation);
http.listen(Number(env.PORT ?? env.ENTREGA_PORT ?? 3000), "127.0.0.1", () => {
  console.log(`listening at http://127.0.0.1:${http.address().port}`);
});
