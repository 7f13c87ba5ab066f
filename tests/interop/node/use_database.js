// SPDX-License-Identifier: BSL-1.0
// TypeDB's official driver as the client of a database's whole life: makes it, reads its schema, has transactions on it,
// is refused what cannot be had, and deletes it.
//
//   node use_database.js <host:port> <database>
//
// Tells what comes of each step as one JSON object a line, {"step":…,"got":…}; what the driver throws is its message.
"use strict";

const { SessionType, TransactionType, TypeDB, TypeDBOptions } = require("typedb-driver");

// The driver's own remarks go to standard error, so that standard output is JSON alone.
for (const name of ["log", "info", "warn"]) console[name] = console.error;

const [address, name] = process.argv.slice(2);

async function tell(step, act) {
  let got;
  try {
    got = await act();
  } catch (error) {
    got = error.message;
  }
  process.stdout.write(JSON.stringify({ step, got }) + "\n");
}

async function main() {
  const driver = await TypeDB.coreDriver(address);
  await driver.databases.create(name);
  await tell("all", async () => (await driver.databases.all()).map((database) => database.name).sort());
  const database = await driver.databases.get(name);
  await tell("schema", () => database.schema());

  const session = await driver.session(name, SessionType.SCHEMA);
  const impatient = new TypeDBOptions({ schemaLockAcquireTimeoutMillis: 1 });
  await tell("second schema session", () => driver.session(name, SessionType.SCHEMA, impatient));
  const write = await session.transaction(TransactionType.WRITE);
  await tell("write", () => write.isOpen());
  await write.rollback();
  await tell("rolled back", () => write.isOpen());
  await write.commit();
  await tell("committed", () => write.isOpen());
  const read = await session.transaction(TransactionType.READ);
  await read.close();
  await tell("read", () => read.isOpen());
  const asked = await session.transaction(TransactionType.WRITE);
  await tell("query", () => asked.query.define("define person sub entity;"));

  await database.delete();
  await tell("deleted", () => driver.databases.contains(name));
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
