// A chat that opens sessions, and nobody gets a connection to it. BALKY says why: old (Socket.IO 2, Engine.IO 3), polling
// (it takes no websockets), mute (a middleware that comes to no end), strict (one that refuses in words of its own).

import { createServer } from "node:http";
import { Server } from "socket.io";
import Old from "socket.io-2";

const { BALKY, PORT } = process.env;
const http = createServer((request, response) => {
  response.writeHead(201, { "Content-Type": "application/json" });
  response.end(JSON.stringify({ id: "7" }));
});
const io = BALKY === "old" ? new Old(http) : new Server(http, BALKY === "polling" ? { transports: ["polling"] } : {});
if (BALKY === "mute") io.use(() => {});
if (BALKY === "strict") io.use((socket, next) => next(new Error("Not on Sundays.")));
http.listen(Number(PORT), "127.0.0.1", () => console.log(`http://127.0.0.1:${http.address().port}`));
