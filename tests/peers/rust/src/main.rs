// SPDX-License-Identifier: BSL-1.0
// TypeDB's official driver for Rust as the client: its pulses alone keep a session for a while in which nobody asks for
// anything, transactions open before and after, and deleting the database ends the session. Standard output has a line
// for each step that went as it should; a step that did not ends the program with a failure.
//
//   keep_session <host:port> <idle time in seconds>
use std::{env, error::Error, process::ExitCode, sync::mpsc, time::Duration};

use typedb_driver::{Connection, DatabaseManager, Promise, Session, SessionType, TransactionType};

const DATABASE: &str = "peers";
const PATIENCE: Duration = Duration::from_secs(20); // the driver learns of an end from its next pulse, one each 5 s

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

fn step(what: &str, is_so: bool) -> Outcome {
    if !is_so {
        return Err(format!("not so: {what}").into());
    }
    println!("{what}");
    Ok(())
}

fn is_listed(databases: &DatabaseManager) -> Outcome<bool> {
    Ok(databases
        .all()?
        .iter()
        .any(|database| database.name() == DATABASE))
}

fn keep_session(address: &str, idle_time: Duration) -> Outcome {
    let connection = Connection::new_core(address)?;
    step("connected", connection.is_open())?;
    let databases = DatabaseManager::new(connection.clone());
    databases.create(DATABASE)?;
    step("the database is created and listed", is_listed(&databases)?)?;

    let session = Session::new(databases.get(DATABASE)?, SessionType::Data)?;
    let (tell_closed, closed) = mpsc::channel();
    session.on_close(move || tell_closed.send(()).unwrap_or(())); // also before a reopening
    let closed_within = |time| closed.recv_timeout(time).is_ok();
    step("a session is open", session.is_open())?;
    let reading = session.transaction(TransactionType::Read)?;
    step("a transaction is open", reading.is_open())?;
    reading.force_close();
    step("the transaction is closed", !reading.is_open())?;

    step(
        "the session outlived the idle time",
        !closed_within(idle_time) && session.is_open(),
    )?;
    let writing = session.transaction(TransactionType::Write)?;
    step("another transaction is open", writing.is_open())?;
    writing.commit().resolve()?;
    step(
        "the transaction is committed, in the same session",
        !closed_within(Duration::ZERO),
    )?;

    databases.get(DATABASE)?.delete()?;
    step(
        "the database is deleted and not listed",
        !is_listed(&databases)?,
    )?;
    step(
        "the session is over",
        closed_within(PATIENCE) && !session.is_open(),
    )?;
    connection.force_close()?;
    Ok(())
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().collect();
    let [_, address, idle_seconds] = arguments.as_slice() else {
        eprintln!("usage: keep_session <host:port> <idle time in seconds>");
        return ExitCode::FAILURE;
    };
    let Ok(idle_seconds) = idle_seconds.parse() else {
        eprintln!("{idle_seconds} is no number of seconds");
        return ExitCode::FAILURE;
    };
    match keep_session(address, Duration::from_secs(idle_seconds)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
