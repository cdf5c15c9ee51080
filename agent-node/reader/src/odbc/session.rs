//! A connection that only reads: opened, told so where the server has words for it, asked, and rolled back whatever comes.

use messages::connector::{Credentials, SourceConfig};
use messages::reader::{Ask, Class, Failed, Task};
use odbc_api::{Connection, ConnectionOptions, Environment};

use agent_reader::{Stop, Teller};

use crate::fault::{self, While};
use crate::{connection, guard, rows};

/// For a session to begin. The agent gives up a little later.
const CONNECT_WITHIN_S: u32 = 20;

pub(crate) fn read<W: std::io::Write>(ask: &Ask, teller: &mut Teller<W>) -> Result<(), Stop> {
    let (query, query_s) = match &ask.source {
        SourceConfig::Odbc(from) => (&from.query, from.query_s),
        SourceConfig::SqlServer(from) => (&from.query, from.query_s),
        other => return Err(Failed::new(Class::Trouble, format!("{} is not read here", other.kind())).into()),
    };
    let query = guard::one_that_reads(query).map_err(|why| Failed::new(Class::Writes, why))?;
    let environment = Environment::new().map_err(|error| Failed::new(Class::Trouble, error.to_string()))?;
    let (text, driver) = text(&environment, ask)?;
    let options =
        ConnectionOptions { login_timeout_sec: Some(CONNECT_WITHIN_S), ..ConnectionOptions::default() };
    let connection = environment
        .connect_with_connection_string(&text, options)
        .map_err(|error| fault::of(&error, While::Connecting))?;
    only_read(&connection).map_err(|error| fault::of(&error, While::Asking))?;
    teller.begun()?;
    if let Some(driver) = driver {
        teller.note(format!("read by the ODBC driver \"{driver}\""))?;
    }
    let outcome = rows::read(&connection, query, query_s, ask.task == Task::Read, teller);
    // What it read it has read; and where this fails the line is gone, and with it whatever there was.
    let _rolled_back = connection.rollback();
    outcome
}

/// What the driver is opened with, and which one it is where nobody has named it.
fn text(environment: &Environment, ask: &Ask) -> Result<(String, Option<String>), Failed> {
    let password = match &ask.credentials {
        Some(Credentials::Password { password }) => Some(password.expose()),
        _ => None,
    };
    let made = match &ask.source {
        SourceConfig::SqlServer(from) => {
            let drivers = environment.drivers().map_err(|error| fault::of(&error, While::Connecting))?;
            let names: Vec<_> = drivers.into_iter().map(|driver| driver.description).collect();
            let driver = connection::sql_server_driver(&from.driver, &names)
                .map_err(|what| Failed::new(Class::Absent, what))?;
            let password =
                password.ok_or("the password of the source is missing; enter it in the job".to_owned());
            let made = password.and_then(|password| connection::to_sql_server(from, &driver, password));
            made.map(|text| (text, Some(driver).filter(|_| from.driver.is_empty())))
        }
        SourceConfig::Odbc(from) => connection::to_odbc(from, password).map(|text| (text, None)),
        other => Err(format!("{} is not read here", other.kind())),
    };
    made.map_err(|what| Failed::new(Class::Login, what))
}

/// Nothing is ever committed. Where the server has words for a session that only reads, it is told.
fn only_read(connection: &Connection<'_>) -> Result<(), odbc_api::Error> {
    let server = connection.database_management_system_name()?.to_ascii_lowercase();
    let word = match server.as_str() {
        name if name.contains("postgres") => Some("set session characteristics as transaction read only"),
        name if name.contains("mysql") || name.contains("mariadb") => {
            Some("set session transaction read only")
        }
        name if name.contains("sqlite") => Some("pragma query_only = 1"),
        _ => None,
    };
    if let Some(word) = word {
        connection.execute(word, (), None)?;
    }
    connection.set_autocommit(false)?;
    if server.contains("oracle") {
        connection.execute("set transaction read only", (), None)?;
    }
    Ok(())
}
