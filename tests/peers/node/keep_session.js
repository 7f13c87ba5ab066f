// SPDX-License-Identifier: BSL-1.0
// TypeDB's official driver for Node as the client: its pulses alone keep a session for a while in which nobody asks for
// anything, transactions open before and after, and deleting the database ends the session. Standard output has a line
// for each step that went as it should; a step that did not ends the program with a failure.
//
//   node keep_session.js <host:port> <idle time in seconds>
"use strict";

const { setTimeout: elapsed } = require("node:timers/promises");
const { SessionType, TransactionType, TypeDB } = require("typedb-driver");

// The driver's own remarks go to standard error, so that standard output is the steps alone.
for (const name of ["log", "info", "warn"]) console[name] = console.error;

const [address, idleSeconds] = process.argv.slice(2);
const database = "peers";
const patience = 20_000; // the driver learns of a session's end from its next pulse, one each 5 s

function step(what, isSo) {
  if (!isSo) throw new Error(`not so: ${what}`);
  process.stdout.write(`${what}\n`);
}

async function isListed(databases) {
  return (await databases.all()).some((one) => one.name === database);
}

async function main() {
  const driver = await TypeDB.coreDriver(address);
  step("connected", driver.isOpen());
  await driver.databases.create(database);
  step("the database is created and listed", await isListed(driver.databases));

  const session = await driver.session(database, SessionType.DATA);
  const closed = new Promise((resolve) => session.onClose(() => resolve("closed"))); // also before a reopening
  const closedWithin = async (time) => (await Promise.race([closed, elapsed(time)])) === "closed";
  step("a session is open", session.isOpen());
  const reading = await session.transaction(TransactionType.READ);
  step("a transaction is open", reading.isOpen());
  await reading.close();
  step("the transaction is closed", !reading.isOpen());

  step("the session outlived the idle time", !(await closedWithin(1000 * idleSeconds)) && session.isOpen());
  const writing = await session.transaction(TransactionType.WRITE);
  step("another transaction is open", writing.isOpen());
  await writing.commit();
  step("the transaction is committed, in the same session", !writing.isOpen() && !(await closedWithin(0)));

  await (await driver.databases.get(database)).delete();
  step("the database is deleted and not listed", !(await isListed(driver.databases)));
  step("the session is over", (await closedWithin(patience)) && !session.isOpen());
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
