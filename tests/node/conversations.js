// Sessions, messages and who may do what with them, in memory. No network here.

import { randomBytes } from "node:crypto";

// What the server will not do: an HTTP status and one sentence, for REST and sockets alike.
export class Refused extends Error {
  constructor(status, error) {
    super(error);
    this.status = status;
  }
}

const bearers = new Map(); // token -> {role, name}; a widget's name is its session's id
const chats = new Map(); // id -> {session, messages, byClientId}

export function issue(role, name) {
  const token = randomBytes(16).toString("hex");
  bearers.set(token, { role, name });
  return token;
}

export function bearerOf(token) {
  const bearer = bearers.get(token);
  if (!bearer) throw new Refused(401, "There is no such token.");
  return bearer;
}

export function open({ name, email = null, metadata = {} }) {
  if (typeof name !== "string" || !name) throw new Refused(422, "name: text is wanted.");
  const id = randomBytes(8).toString("hex");
  const createdAt = new Date().toISOString();
  const session = { id, name, email, metadata, status: "open", agent: null, createdAt };
  chats.set(id, { session, messages: [], byClientId: new Map() });
  return { session, token: issue("widget", id) };
}

export function inStatus(status, bearer) {
  if (bearer.role !== "agent") throw new Refused(403, "Only an agent's token lists sessions.");
  return [...chats.values()].map((chat) => chat.session).filter((session) => session.status === status);
}

// The chat of a session, for one of its two parties.
export function enter(id, bearer) {
  const chat = chatOf(id);
  if (bearer.name !== (bearer.role === "widget" ? id : chat.session.agent)) {
    throw new Refused(403, `This ${bearer.role}'s token does not open the session ${id}.`);
  }
  return chat;
}

// The session as the verb leaves it, and whether that changed it; asking twice changes nothing.
export function step(id, verb, bearer) {
  const { session } = verb === "assume" ? assumable(id, bearer) : enter(id, bearer);
  const before = session.status;
  if (verb === "escalate" && before === "closed") throw new Refused(409, `The session ${id} is closed.`);
  if (verb === "escalate" && before === "open") session.status = "waiting";
  if (verb === "assume") Object.assign(session, { status: "assumed", agent: bearer.name });
  if (verb === "close") session.status = "closed";
  return { session, changed: session.status !== before };
}

function assumable(id, bearer) {
  const chat = chatOf(id);
  const { status, agent } = chat.session;
  if (bearer.role !== "agent") throw new Refused(403, "Only an agent's token can assume a session.");
  if (status === "closed") throw new Refused(409, `The session ${id} is closed.`);
  if (status === "open") throw new Refused(409, `The session ${id} has not asked for a human yet.`);
  if (agent !== null && agent !== bearer.name) throw new Refused(409, `The session ${id} was taken by another agent.`);
  return chat;
}

// The stored message; of a clientId that is known, the one that was stored then.
export function store(id, bearer, { text, clientId, metadata = {} }) {
  const chat = enter(id, bearer);
  const known = chat.byClientId.get(clientId);
  if (known) return { message: known, isNew: false };
  if (chat.session.status === "closed") throw new Refused(409, `The session ${id} is closed.`);
  if (typeof text !== "string" || !text || typeof clientId !== "string" || !clientId) {
    throw new Refused(422, "text and clientId: text is wanted.");
  }
  const message = {
    id: randomBytes(8).toString("hex"),
    clientId,
    seq: chat.messages.length + 1,
    sessionId: id,
    text,
    sender: bearer.role,
    metadata,
    createdAt: new Date().toISOString(),
  };
  chat.messages.push(message);
  chat.byClientId.set(clientId, message);
  return { message, isNew: true };
}

// The messages with a larger seq; a widget reads its own session, an agent any: one of them audits.
export function missed(id, after, bearer) {
  const chat = bearer.role === "agent" ? chatOf(id) : enter(id, bearer);
  if (after === null || after === undefined) return [];
  if (!Number.isSafeInteger(after) || after < 0) throw new Refused(422, "after: a whole number from 0 on is wanted.");
  return chat.messages.slice(after); // seq counts from 1 without a hole
}

function chatOf(id) {
  const chat = chats.get(id);
  if (!chat) throw new Refused(404, `There is no session ${id}.`);
  return chat;
}
