// SPDX-License-Identifier: BSL-1.0
// TypeDB's official driver as the client: opens sessions, holds them until standard input says `close` or ends, and
// closes them. The driver sends the pulses by itself, each session's 5 s after the last answer.
//
//   node hold_sessions.js <host:port> <database> <sessions> <idle timeout in milliseconds>
//
// Tells what happens as one JSON object a line: {"event":"opened","id":"<32 hex digits>"} for each session,
// {"event":"holding"} when all are open, {"event":"lost","id":…} when the server has given one up, {"event":"closed",
// "id":…} for each that it closes itself, and at the end {"event":"done","opened":…,"lost":…,"closed":…}.
"use strict";

const { once } = require("node:events");
const readline = require("node:readline");
const { SessionType, TypeDB, TypeDBOptions } = require("typedb-driver");

// The driver's own remarks go to standard error, so that standard output is JSON alone.
for (const name of ["log", "info", "warn"]) console[name] = console.error;

const [address, database, count, idleTimeout] = process.argv.slice(2);

function tell(event) {
  process.stdout.write(JSON.stringify(event) + "\n");
}

// The driver marks its ids with 0x.
function idOf(session) {
  return session.id.replace(/^0x/, "");
}

async function toldToClose() {
  const lines = readline.createInterface({ input: process.stdin });
  lines.on("line", (line) => {
    if (line.trim() === "close") lines.close();
  });
  await once(lines, "close");
}

async function main() {
  const closing = toldToClose();
  const driver = await TypeDB.coreDriver(address);
  if (!(await driver.databases.contains(database))) await driver.databases.create(database);

  const options = new TypeDBOptions({ sessionIdleTimeoutMillis: Number(idleTimeout) });
  const numbers = { opened: 0, lost: 0, closed: 0 };
  const sessions = [];
  for (let i = 0; i < Number(count); i++) {
    const session = await driver.session(database, SessionType.DATA, options);
    session.onClose(() => {
      if (session.closedByUs) return;
      numbers.lost++;
      tell({ event: "lost", id: idOf(session) });
    });
    numbers.opened++;
    tell({ event: "opened", id: idOf(session) });
    sessions.push(session);
  }
  tell({ event: "holding" });
  await closing;

  for (const session of sessions) {
    // One that is not open here has been reported as lost, or a pulse of it has failed, which the driver tells nobody.
    if (!session.isOpen()) continue;
    session.closedByUs = true;
    await session.close();
    numbers.closed++;
    tell({ event: "closed", id: idOf(session) });
  }
  tell({ event: "done", ...numbers });
  await driver.close();
}

// The driver leaves its connections open when it is closed, which would keep the process alive.
main().then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
