// SPDX-License-Identifier: BSL-1.0
// TypeDB's wire definition as the server: made of what the official package has generated for Node, so that the bytes our
// transports send and read are judged by code that is not ours. It opens sessions, closes those that get no pulse for
// their idle timeout, and answers pulses.
//
//   node pulse_server.js [<default idle timeout in milliseconds>]
//
// Prints the port it listens on as its first line. Then each line of standard input is a command, and is answered by one
// line of JSON:
//   kill <32 hex digits>  forgets that session: {"killed":true}, or false if it is not open
//   list                  the open sessions: {"ids":[…]}
//   count                 {"opened":…,"closed":…,"expired":…,"killed":…,"open":…,"pulses":…,"unknown":…}, where opened is the
//                         sum of the four after it, and unknown are the pulses for sessions that are not open
//   quit                  ends it, as the end of standard input does: {"quit":true}
"use strict";

const { randomUUID } = require("node:crypto");
const readline = require("node:readline");
const grpc = require("@grpc/grpc-js");
const { ConnectionOpenRes } = require("typedb-protocol/proto/connection");
const database = require("typedb-protocol/proto/database");
const { ServerManagerAllRes, Server } = require("typedb-protocol/proto/server");
const { SessionOpenRes, SessionCloseRes, SessionPulseRes } = require("typedb-protocol/proto/session");
const { UnimplementedTypeDBService } = require("typedb-protocol/proto/typedb-service");
const { Version } = require("typedb-protocol/proto/version");

const defaultIdleTimeout = Number(process.argv[2] ?? 30000);
const databases = new Set(["orders"]);
const sessions = new Map(); // hex id -> { idleTimeout, timer }
const numbers = { opened: 0, closed: 0, expired: 0, killed: 0, pulses: 0, unknown: 0 };
let address = "";

function hex(bytes) {
  return Buffer.from(bytes).toString("hex");
}

function uuid(id) {
  return id.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

// As TypeDB's server reports its own errors.
function failure(text) {
  return { code: grpc.status.INTERNAL, details: text + " Please check server logs for the stack trace." };
}

function unknownDatabase(name) {
  return failure(`[DBS06] Invalid Database Operation: The database with the name '${name}' does not exist.`);
}

function awaitPulse(id, session) {
  clearTimeout(session.timer);
  session.timer = setTimeout(() => end(id, "expired"), session.idleTimeout);
}

// Ends a session, and counts it by its reason; false if it is not open.
function end(id, reason) {
  const session = sessions.get(id);
  if (!session) return false;
  clearTimeout(session.timer);
  sessions.delete(id);
  numbers[reason]++;
  return true;
}

const calls = {
  connection_open(call, answer) {
    const version = call.request.version;
    if (version === Version.VERSION) return answer(null, new ConnectionOpenRes());
    answer(failure(`[SRV50] Invalid Server Operation: A protocol version mismatch was detected: '${version}'.`));
  },

  servers_all(call, answer) {
    answer(null, new ServerManagerAllRes({ servers: [new Server({ address })] }));
  },

  databases_get(call, answer) {
    const { name } = call.request;
    if (!databases.has(name)) return answer(unknownDatabase(name));
    const replica = new database.DatabaseReplicasReplica({ address, primary: true, preferred: true, term: 0 });
    const replicas = new database.DatabaseReplicas({ name, replicas: [replica] });
    answer(null, new database.DatabaseManagerGetRes({ database: replicas }));
  },

  databases_contains(call, answer) {
    answer(null, new database.DatabaseManagerContainsRes({ contains: databases.has(call.request.name) }));
  },

  databases_create(call, answer) {
    const { name } = call.request;
    if (databases.has(name)) {
      return answer(failure(`[DBS05] Invalid Database Operation: The database with the name '${name}' already exists.`));
    }
    databases.add(name);
    answer(null, new database.DatabaseManagerCreateRes());
  },

  session_open(call, answer) {
    const { database: name, options } = call.request;
    if (!databases.has(name)) return answer(unknownDatabase(name));
    const bytes = Buffer.from(randomUUID().replaceAll("-", ""), "hex");
    const chosen = options?.has_session_idle_timeout_millis ?? false;
    const session = { idleTimeout: chosen ? options.session_idle_timeout_millis : defaultIdleTimeout, timer: null };
    sessions.set(hex(bytes), session);
    awaitPulse(hex(bytes), session);
    numbers.opened++;
    answer(null, new SessionOpenRes({ session_id: bytes, server_duration_millis: 0 }));
  },

  session_close(call, answer) {
    const id = hex(call.request.session_id);
    if (end(id, "closed")) return answer(null, new SessionCloseRes());
    answer(failure(`[SSN01] Invalid Session Operation: Session with UUID '${uuid(id)}' does not exist.`));
  },

  session_pulse(call, answer) {
    const id = hex(call.request.session_id);
    const session = sessions.get(id);
    numbers.pulses++;
    if (session) awaitPulse(id, session);
    else numbers.unknown++;
    answer(null, new SessionPulseRes({ alive: session !== undefined }));
  },
};

function obey(line) {
  const [command, id] = line.trim().split(/\s+/);
  switch (command) {
    case "kill":
      return { killed: end(String(id).toLowerCase(), "killed") };
    case "list":
      return { ids: [...sessions.keys()] };
    case "count":
      return { ...numbers, open: sessions.size };
    case "quit":
      return { quit: true };
    default:
      return { error: `there is no command '${command}'` };
  }
}

function tell(line) {
  process.stdout.write(line + "\n");
}

// The calls that are not served here answer UNIMPLEMENTED.
const served = Object.entries(UnimplementedTypeDBService.definition).filter(([name]) => name in calls);
const server = new grpc.Server({ "grpc.so_reuseport": 0 });
server.addService(Object.fromEntries(served), calls);
server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) {
    console.error(error);
    process.exit(1);
  }
  server.start();
  address = `127.0.0.1:${port}`;
  tell(String(port));

  const lines = readline.createInterface({ input: process.stdin });
  lines.on("line", (line) => {
    const answer = obey(line);
    tell(JSON.stringify(answer));
    if (answer.quit) lines.close();
  });
  lines.on("close", () => process.exit(0));
});
