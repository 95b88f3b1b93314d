// What is said, by whom, in which conversation. In memory; a real product has its database here.

import { randomBytes } from "node:crypto";

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

const word = (bytes) => randomBytes(bytes).toString("hex");
const conversations = new Map(); // by uid
const tickets = new Map(); // uid by visitor's ticket
const sessions = new Set(); // of operators, by the cookie's value

export function open(displayName) {
  if (typeof displayName !== "string" || !displayName) throw new Refused(422, "A visitor has a displayName.");
  const conversation = { uid: word(6), visitor: { displayName }, state: "bot", messages: [], lastMs: 0 };
  const ticket = word(12);
  conversations.set(conversation.uid, conversation);
  tickets.set(ticket, conversation.uid);
  return { conversation: about(conversation), ticket };
}

export const about = ({ uid, visitor, state }) => ({ uid, visitor, state });
export const ofTicket = (ticket) => tickets.get(ticket);
export const isOperator = (session) => sessions.has(session);

export function logIn(login, password) {
  if (!login || password !== (process.env.DESK_PASSWORD ?? "entrega")) throw new Refused(401, "Wrong password.");
  const session = word(12);
  sessions.add(session);
  return session;
}

export function find(uid) {
  const conversation = conversations.get(uid);
  if (!conversation) throw new Refused(404, `There is no conversation ${String(uid).slice(0, 40)}.`);
  return conversation;
}

export const queue = () => [...conversations.values()].filter(({ state }) => state === "queued").map(about);

// Times within a conversation grow by a millisecond at least, so that `since` leaves out no message.
export function say(uid, from, content) {
  const conversation = find(uid);
  if (typeof content !== "string" || !content) throw new Refused(422, "A message has content.");
  conversation.lastMs = Math.max(Date.now(), conversation.lastMs + 1);
  const message = { _id: word(8), conversation: uid, from, content, at: new Date(conversation.lastMs).toISOString() };
  conversation.messages.push(message);
  return message;
}

export const since = (uid, at) => find(uid).messages.filter((message) => message.at > at);
