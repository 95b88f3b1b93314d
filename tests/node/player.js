// The browser's client, driven from outside: orders come as JSON lines on stdin, what it hears goes to stdout.
//
// An order is {"client": NAME, "do": [[VERB, ABOUT], ...]}; its steps are done in one go, nothing comes in between.
// What is heard is {"client", "heard", "t_ns", ...}, in order, in the words of loadtests.swarm.client.Listener.

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { io } from "socket.io-client";
import { Backoff } from "./node_modules/socket.io-client/build/esm/contrib/backo2.js";
import { parsed, printed } from "./lines.js";

const WHY = { "operation has timed out": "timeout", "socket has been disconnected": "disconnected" };

// The HTTP status of a refused handshake: polling has it as a number, `ws` in words.
const status = ({ description }) =>
  (typeof description === "number" ? description : Number(/response: (\d+)/.exec(description?.message)?.[1])) || null;

class Player {
  constructor(name) {
    this.name = name;
    this.when = {}; // steps, by what is heard
  }

  tell(heard, about = {}) {
    process.stdout.write(printed({ client: this.name, heard, t_ns: Number(process.hrtime.bigint()), ...about }));
    this.when[heard]?.forEach((steps) => this.do(steps));
  }

  do(steps) {
    for (const [verb, about] of steps) this[verb](about);
  }

  make({ url, namespace, auth, transports, query, first_s, longest_s, jitter, deadline_s, ca, multiplex }) {
    let connects = 0;
    this.socket = io(url + namespace, {
      autoConnect: false,
      forceNew: !multiplex,
      auth: (answer) => answer(auth[Math.min(connects++, auth.length - 1)]),
      transports,
      query,
      reconnectionDelay: first_s * 1000,
      reconnectionDelayMax: longest_s * 1000,
      randomizationFactor: jitter,
      timeout: deadline_s * 1000,
      ...(ca && { ca: readFileSync(ca) }),
    });
    this.listen(this.socket, this.socket.io);
  }

  listen(socket, manager) {
    const open = manager.open.bind(manager);
    manager.open = (answered) => {
      if (manager._readyState === "closed") this.tell("connecting");
      open(answered);
      if (manager._readyState !== "opening") return;
      manager.engine.once("upgrade", ({ name }) => this.tell("upgraded", { transport: name }));
    };
    socket.on("connect", () => {
      const transport = manager.engine.transport.name;
      this.tell("connected", { sid: socket.id, transport, recovered: Boolean(socket.recovered) });
    });
    socket.on("connect_error", (error) =>
      this.tell("connect_failed", { reason: error.message, status: status(error) }),
    );
    socket.on("disconnect", (reason) => this.tell("disconnected", { reason }));
    socket.onAny((event, ...args) => this.tell("event", { event, args: args.filter((a) => typeof a !== "function") }));
  }

  connect() {
    this.socket.connect();
  }

  disconnect() {
    this.socket.disconnect();
  }

  emit({ event, args, number, deadline_s }) {
    if (number === null) return this.socket.emit(event, ...args);
    const acked = (why, answer) => this.tell("acked", { number, args: answer, why });
    if (deadline_s === null) return this.socket.emit(event, ...args, (...answer) => acked(null, answer));
    this.socket.timeout(deadline_s * 1000).emit(event, ...args, (error, ...answer) =>
      acked(error && WHY[error.message], error ? null : answer),
    );
  }

  on({ event, answer }) {
    this.socket.on(event, (...args) => {
      const ack = typeof args.at(-1) === "function" ? args.pop() : undefined;
      this.tell("handled", { event, args });
      if (answer !== null) ack(...answer);
    });
  }

  // Steps to be done whenever that is heard, before anything else.
  whenever({ heard, then }) {
    (this.when[heard] ??= []).push(then);
  }

  // What the back-off makes of so many failures and that roll, in place of Math.random.
  delays({ first_s, longest_s, rolls }) {
    const random = Math.random;
    const delays_ms = rolls.map(([failures, rolled]) => {
      Math.random = () => rolled;
      const backoff = new Backoff({ min: first_s * 1000, max: longest_s * 1000, jitter: 0.5 });
      backoff.attempts = failures;
      return backoff.duration();
    });
    Math.random = random;
    this.tell("delays", { delays_ms });
  }

  // Nothing happens in this process for so long, as in a tab that is frozen.
  freeze({ for_s }) {
    const until = performance.now() + for_s * 1000;
    while (performance.now() < until);
  }

  // Everything before has been done.
  mark() {
    this.tell("mark");
  }

  close() {
    this.when = {};
    this.socket?.disconnect();
    this.tell("close");
  }
}

// In a browser it is an error in the console, and the page goes on.
process.on("uncaughtException", (error) => console.error(error.message));

const players = {};

createInterface({ input: process.stdin })
  .on("line", (line) => {
    const order = parsed(line);
    (players[order.client] ??= new Player(order.client)).do(order.do);
  })
  .on("close", () => process.exit());
