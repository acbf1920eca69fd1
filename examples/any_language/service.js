// A service that is a worker of a Tandem cluster: node service.js NAME MASTER [MASTER...]
//
// Each MASTER is a control address, HOST:PORT. The token, if the masters ask for one, is in the file
// that $TANDEM_TOKEN_FILE names.
"use strict";
const crypto = require("crypto");
const fs = require("fs");
const http = require("http");

const [name, ...masters] = process.argv.slice(2);
const incarnation = crypto.randomBytes(8).toString("hex"); // new at each start
let stopping = false;

const server = http.createServer((request, response) => response.end(`hello from ${name}\n`));
// Longer than the 30 seconds for which masters keep an idle connection: Node's own five would close
// some at the very moment when a request comes.
server.keepAliveTimeout = 60000;

// Calls `then` with the milliseconds until the next heartbeat; null if this worker was removed.
function send(master, state, then) {
  const body = JSON.stringify({
    name, incarnation, state, address: `127.0.0.1:${server.address().port}`, connections: 64,
  });
  const headers = { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body) };
  const file = process.env.TANDEM_TOKEN_FILE;
  if (file) headers.Authorization = "Bearer " + fs.readFileSync(file, "utf8").trim();
  const options = { method: "POST", headers, timeout: 2000 };
  const request = http.request(`http://${master}/heartbeat`, options, (response) => {
    let text = "";
    response.on("data", (part) => (text += part));
    response.on("end", () => {
      if (response.statusCode !== 200) {
        console.error(`${master}: ${text}`);
        return then(1000);
      }
      const answer = JSON.parse(text);
      then(answer.removed ? null : answer.interval_ms);
    });
  });
  request.on("timeout", () => request.destroy(new Error("no answer")));
  request.on("error", (error) => { // it may be back by the next one
    console.error(`${master}: ${error.message}`);
    then(1000);
  });
  request.end(body);
}

function heartbeats(master) {
  if (stopping) return;
  send(master, "up", (pause) => {
    if (pause === null) return stop();
    setTimeout(heartbeats, pause, master);
  });
}

function stop() {
  if (stopping) return;
  stopping = true;
  let left = masters.length;
  const said = () => { if (--left === 0) process.exit(0); };
  for (const master of masters) send(master, "bye", said); // no new requests from here on
}

process.on("SIGTERM", stop);
process.on("SIGINT", stop);
server.listen(0, "127.0.0.1", () => {
  console.log(`ready 127.0.0.1:${server.address().port}`);
  masters.forEach(heartbeats);
});
