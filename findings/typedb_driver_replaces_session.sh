#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# What does a TypeDB driver do with its session when the server refuses a transaction on it?
#
# Guess: the caller gets the error, and the session stays what it is. Or else, since the drivers' documentation of
# `on_reopen` speaks of it: a session that timed out is opened again by the next transaction, whenever, as it was.
#
# Found, in the drivers for Node (npm typedb-driver 2.29.7) and Python (PyPI typedb-driver 2.29.2, over the Rust one):
# - lost: the session timed out, and no pulse has told the driver. The server refuses the transaction, and the caller
#   gets one all the same: the driver has opened a second session for it. Node asks for the first one's idle timeout
#   again; Python passes the options of the transaction instead, and the second session has the server's default.
# - told: the session timed out, and a pulse was answered with alive = false. Both drivers refuse the transaction and
#   open nothing. Which of the two happens is a matter of up to 5 s, the time between pulses.
# - busy: the session is alive, and the server refuses one transaction for want of resources. Both drivers close the
#   good session, end the other transaction open on it, and go on in a second one; Python again without the options.
# The caller's handle is the same before and after `lost` and `busy`, and says that it is open.
#
# What follows: that a driver's session is open says nothing about which session the server has, for which idle timeout,
# nor that a schema lock was held all the while. Who needs that holds a session that nobody replaces unasked.
#
# The server here is a stand-in: without a pulse for its idle timeout (30 s unless asked) a session is unknown, pulses
# are answered with alive = false and transactions with SSN01, as by TypeDB's own. In `busy` it says RESOURCE_EXHAUSTED
# once. It writes down what reaches it, each session's idle timeout in milliseconds.
set -euo pipefail
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$work"' EXIT
cd "$work"

echo '{"private": true}' >package.json
npm install --silent --no-audit --no-fund typedb-driver@2.29.7 >&2 ||
  { echo "the driver for Node cannot be had here" >&2; exit 2; }
python3 -m venv python && python/bin/pip install -q --disable-pip-version-check typedb-driver==2.29.2 >&2 ||
  { echo "the driver for Python (3.9 to 3.12) cannot be had here" >&2; exit 2; }

cat >server.js <<'JS'
const { appendFileSync, writeFileSync } = require("node:fs");
const { Server, ServerCredentials, status } = require("@grpc/grpc-js");
const { ConnectionOpenRes } = require("typedb-protocol/proto/connection");
const { DatabaseManagerContainsRes, DatabaseManagerGetRes } = require("typedb-protocol/proto/database");
const { ServerManagerAllRes } = require("typedb-protocol/proto/server");
const { SessionCloseRes, SessionOpenRes, SessionPulseRes } = require("typedb-protocol/proto/session");
const { TransactionRes, TransactionServer } = require("typedb-protocol/proto/transaction");
const { definition } = require("typedb-protocol/proto/typedb-service").UnimplementedTypeDBService;

const sessions = [];
let address;
const session_of = ({ session_id }) => sessions[Buffer.from(session_id).readUInt32BE(12)];
const is_known = (session) => Date.now() < session.end;
const note = (session, what) => appendFileSync("server.log", `${session.database} ${what}\n`);

function refusal(session) {
  if (!is_known(session)) return { code: status.INTERNAL, details: "[SSN01] no such session" };
  session.transactions++;
  const is_busy = session.database.endsWith("busy") && session.transactions === 2;
  return is_busy ? { code: status.RESOURCE_EXHAUSTED, details: "busy" } : undefined;
}

const calls = {
  connection_open: (call, answer) => answer(null, new ConnectionOpenRes({})),
  servers_all: (call, answer) => answer(null, ServerManagerAllRes.fromObject({ servers: [{ address }] })),
  databases_contains: (call, answer) => answer(null, new DatabaseManagerContainsRes({ contains: true })),
  databases_get: ({ request: { name } }, answer) =>
    answer(null, DatabaseManagerGetRes.fromObject({ database: { name, replicas: [{ address }] } })),
  session_open: ({ request: { database, options } }, answer) => {
    const idle = options?.has_session_idle_timeout_millis ? options.session_idle_timeout_millis : 30000;
    const session_id = Buffer.alloc(16);
    session_id.writeUInt32BE(sessions.length, 12);
    sessions.push({ database, idle, end: Date.now() + idle, transactions: 0 });
    note(sessions.at(-1), `session for ${idle}`);
    answer(null, new SessionOpenRes({ session_id }));
  },
  session_pulse: ({ request }, answer) => {
    const session = session_of(request);
    const alive = is_known(session);
    if (alive) session.end = Date.now() + session.idle;
    answer(null, new SessionPulseRes({ alive }));
  },
  session_close: ({ request }, answer) => {
    const session = session_of(request);
    if (is_known(session)) note(session, "closed");
    session.end = 0;
    answer(null, new SessionCloseRes({}));
  },
  transaction: (stream) => {
    stream.on("end", () => stream.end());
    stream.on("error", () => {}); // the client is gone
    stream.on("data", ({ reqs: [{ req_id, open_req }] }) => {
      const session = session_of(open_req);
      const refused = refusal(session);
      note(session, refused ? "refused" : "transaction");
      if (refused) stream.emit("error", refused);
      else stream.write(new TransactionServer({ res: TransactionRes.fromObject({ req_id, open_res: {} }) }));
    });
  },
};
const server = new Server();
server.addService(definition, calls); // what is missing is answered with UNIMPLEMENTED
server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  address = `127.0.0.1:${port}`;
  server.start();
  writeFileSync("address", address);
});
JS

# Both clients: a session's idle timeout, the pause until a transaction is wanted, and whether one is open already.
cat >client.js <<'JS'
const { setTimeout: elapsed } = require("node:timers/promises");
const { SessionType, TransactionType, TypeDB, TypeDBOptions } = require("typedb-driver");
console.info = () => {};

async function ask(driver, name, sessionIdleTimeoutMillis, pause, has_other) {
  const options = new TypeDBOptions({ sessionIdleTimeoutMillis });
  const session = await driver.session(`node-${name}`, SessionType.DATA, options);
  const other = has_other ? await session.transaction(TransactionType.READ) : undefined;
  await elapsed(1000 * pause);
  let said = `open before: ${session.isOpen()}, transaction: `;
  said += await session.transaction(TransactionType.READ).then(() => "given", () => "error");
  said += `, open after: ${session.isOpen()}`;
  if (other) said += `, other transaction open: ${other.isOpen()}`;
  console.log(`node-${name} ${said}`);
}

(async () => {
  const driver = await TypeDB.coreDriver(process.argv[2]);
  await ask(driver, "lost", 1000, 3, false);
  await ask(driver, "told", 1000, 7, false);
  await ask(driver, "busy", 60000, 1, true);
  process.exit(0);
})();
JS
cat >client.py <<'PY'
import sys
import time

from typedb.driver import SessionType, TransactionType, TypeDB, TypeDBDriverException, TypeDBOptions


def ask(driver, name, idle, pause, has_other):
    options = TypeDBOptions(session_idle_timeout_millis=idle)
    session = driver.session(f"python-{name}", SessionType.DATA, options)
    other = session.transaction(TransactionType.READ) if has_other else None
    time.sleep(pause)
    said = f"open before: {session.is_open()}, transaction: "
    try:
        transaction = session.transaction(TransactionType.READ)
        said += "given"
    except TypeDBDriverException:
        said += "error"
    said += f", open after: {session.is_open()}"
    if other:
        time.sleep(1)  # it is ended by a thread of the driver's
        said += f", other transaction open: {other.is_open()}"
    print(f"python-{name} {said}".replace("True", "true").replace("False", "false"), flush=True)


with TypeDB.core_driver(sys.argv[1]) as driver:
    ask(driver, "lost", 1000, 3, False)
    ask(driver, "told", 1000, 7, False)
    ask(driver, "busy", 60000, 1, True)
PY

node server.js &
server=$!
for _ in {1..100}; do [ -s address ] || sleep 0.1; done
timeout 60 node client.js "$(cat address)" >said-node &
node_client=$!
timeout 60 python/bin/python client.py "$(cat address)" >said-python
wait "$node_client"

# What the clients saw, and then what reached the server, a line for each database. Python closes what it leaves.
cat said-node said-python | tee said
awk '{ name = $1; sub(/^[^ ]* /, ""); all[name] = all[name] ", " $0 }
     END { for (name in all) { sub(/^,/, ":", all[name]); print name all[name] } }' server.log | LC_ALL=C sort | tee reached
diff - said <<'SAID'
node-lost open before: true, transaction: given, open after: true
node-told open before: false, transaction: error, open after: false
node-busy open before: true, transaction: given, open after: true, other transaction open: false
python-lost open before: true, transaction: given, open after: true
python-told open before: false, transaction: error, open after: false
python-busy open before: true, transaction: given, open after: true, other transaction open: false
SAID
diff - reached <<'REACHED'
node-busy: session for 60000, transaction, refused, closed, session for 60000, transaction
node-lost: session for 1000, refused, session for 1000, transaction
node-told: session for 1000
python-busy: session for 60000, transaction, refused, closed, session for 30000, transaction, closed
python-lost: session for 1000, refused, session for 30000, transaction, closed
python-told: session for 1000
REACHED
echo "as found"
