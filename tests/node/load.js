// The browser's client as a load: plays a crowd (tests/bench/crowd.py) with socket.io-client, and writes down what the
// swarm writes down. `node load.js CROWD OUT`: a JSON file, and the file of JSON lines that it appends to. Every party
// connects and joins first; then each message is sent at its due, whatever became of the ones before. SIGTERM ends it.

import { readFileSync, openSync, writeSync } from "node:fs";
import { io } from "socket.io-client";

const AT_ONCE = 50; // connections in the making
const FLUSH_MS = 500;
const BEGIN_MS = 500; // from the last join to where dues count from

const crowd = JSON.parse(readFileSync(process.argv[2], "utf8"));
const out = openSync(process.argv[3], "a");
const counts = { joined: 0, sent: 0, accepted: 0, displayed: 0 };
let pending = [];

// `t` is CLOCK_MONOTONIC, the clock of every other process on this machine; ns, exact in a double for 104 days.
const nowNs = () => Number(process.hrtime.bigint());

function flush() {
  pending.push({ t: nowNs(), kind: "rig", ...counts });
  const lines = pending;
  pending = [];
  writeSync(out, lines.map((line) => JSON.stringify(line) + "\n").join(""));
}

class Party {
  constructor(name, letter, token) {
    this.name = name;
    this.letter = letter;
    this.shown = new Map(); // session -> ids
    this.socket = io(crowd.url, { transports: ["websocket"], auth: { token }, forceNew: true });
    this.socket.on("new-message", ({ message }) => this.take(message));
    this.connected = new Promise((resolve) => this.socket.once("connect", resolve));
  }

  async join(session) {
    const room = `chat:${session}`;
    const answer = await this.socket.timeout(10_000).emitWithAck("join", { room, after: 0 });
    if (!answer.ok) throw new Error(answer.error);
    this.shown.set(session, new Set());
    counts.joined += 1;
  }

  say(session, index, number, due_ns) {
    const { name: party, letter } = this;
    const mid = `${crowd.run}:${index}.${letter}.${number}`;
    pending.push({ t: nowNs(), kind: "sent", party, view: 1, session, mid, due_ns, via: "socket" });
    counts.sent += 1;
    const payload = { text: `How can I help you today? [${mid} ${due_ns}]`, clientId: mid, sessionId: session };
    this.socket.emit("send-message", payload, (answer) => {
      if (!answer.ok) throw new Error(answer.error);
      const { id, seq } = answer.message;
      pending.push({ t: nowNs(), kind: "accepted", party, view: 1, session, mid, seq, status: 200, id });
      counts.accepted += 1;
    });
  }

  take({ id, clientId: mid, seq, sessionId: session }) {
    const { name: party } = this;
    const event = "new-message";
    pending.push({ t: nowNs(), kind: "received", party, view: 1, conn: 1, session, mid, seq, via: "live", event, id });
    const shown = this.shown.get(session);
    if (shown.has(id)) return;
    shown.add(id);
    pending.push({ t: nowNs(), kind: "displayed", party, view: 1, conn: 1, session, mid, seq, via: "live" });
    counts.displayed += 1;
  }
}

// Connects and joins the parties, AT_ONCE at a time; -> for each what it has to say.
async function gather() {
  const arrivals = [
    ...crowd.agents.map(({ token }, number) => async () => {
      const agent = new Party(`agent-${number}`, "a", token);
      await agent.connected;
      const own = crowd.sessions.filter((session) => session.agent === number);
      for (const { id } of own) await agent.join(id);
      return own.map((session) => [agent, session, session.agent_dues_s]);
    }),
    ...crowd.sessions.map((session) => async () => {
      const widget = new Party(`widget-${session.index}`, "w", session.token);
      await widget.connected;
      await widget.join(session.id);
      return [[widget, session, session.widget_dues_s]];
    }),
  ];
  const scripts = [];
  const next = async () => {
    while (arrivals.length) scripts.push(...(await arrivals.shift()()));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, next));
  return scripts;
}

function follow([party, { id, index }, dues_s], t0Ns) {
  const dueNs = (number) => t0Ns + Math.round(dues_s[number] * 1e9);
  const wait = (number) => {
    if (number < dues_s.length) setTimeout(act, (dueNs(number) - nowNs()) / 1e6, number);
  };
  const act = (number) => {
    party.say(id, index, number, dueNs(number));
    wait(number + 1);
  };
  wait(0);
}

setInterval(flush, FLUSH_MS);
process.on("SIGTERM", () => {
  flush();
  process.exit(0);
});
const scripts = await gather();
const t0Ns = nowNs() + BEGIN_MS * 1e6;
for (const script of scripts) follow(script, t0Ns);
