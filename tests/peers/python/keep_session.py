# SPDX-License-Identifier: BSL-1.0
"""TypeDB's official driver for Python as the client: its pulses alone keep a session for a while in which nobody asks
for anything, transactions open before and after, and deleting the database ends the session. Standard output has a line
for each step that went as it should; a step that did not ends the program with a failure.

    python keep_session.py <host:port> <idle time in seconds>

It asks is_open() instead of having on_close() tell it: the driver calls back from a thread of its own without Python's
lock, and the process dies of that.
"""
import sys
import time

from typedb.driver import SessionType, TransactionType, TypeDB

DATABASE = "peers"
PATIENCE = 20  # seconds: the driver learns of a session's end from its next pulse, one each 5 s


def step(what, is_so):
    if not is_so:
        sys.exit(f"not so: {what}")
    print(what, flush=True)


def is_listed(databases):
    return DATABASE in [database.name for database in databases.all()]


def closed_within(seconds, session):
    end = time.monotonic() + seconds
    while session.is_open() and time.monotonic() < end:
        time.sleep(0.1)
    return not session.is_open()


def main(address, idle_time):
    with TypeDB.core_driver(address) as driver:
        step("connected", driver.is_open())
        driver.databases.create(DATABASE)
        step("the database is created and listed", is_listed(driver.databases))

        session = driver.session(DATABASE, SessionType.DATA)
        step("a session is open", session.is_open())
        reading = session.transaction(TransactionType.READ)
        step("a transaction is open", reading.is_open())
        reading.close()
        step("the transaction is closed", not reading.is_open())

        step("the session outlived the idle time", not closed_within(idle_time, session))
        writing = session.transaction(TransactionType.WRITE)
        step("another transaction is open", writing.is_open())
        writing.commit()
        step("the transaction is committed", session.is_open())

        driver.databases.get(DATABASE).delete()
        step("the database is deleted and not listed", not is_listed(driver.databases))
        step("the session is over", closed_within(PATIENCE, session))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
