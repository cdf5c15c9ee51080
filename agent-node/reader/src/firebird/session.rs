//! Signs in, asks in a transaction that only reads, and tells the rows. The client encrypts the line where the server allows
//! it, with Firebird's own means.

use std::io::Write;

use messages::connector::drivers::FIREBIRD_PORT;
use messages::connector::{Credentials, FirebirdSource, SourceConfig};
use messages::reader::{Ask, Class, Column as Told, Failed, Row, Task};
use rsfbclient_core::charset::UTF_8;
use rsfbclient_core::{
    Dialect, FbError, FirebirdClientDbOps as _, FirebirdClientSqlOps as _, StmtType, TrDataAccessMode,
    TrIsolationLevel, TransactionConfiguration,
};
use rsfbclient_rust::{DbHandle, RawValue, RustFbClient, RustFbClientAttachmentConfig, TrHandle};

use agent_reader::{Stop, Teller};

use crate::wrap::{self, Column, Kind};
use crate::{cell, fault};

/// The line, the database and the transaction.
struct Session {
    client: RustFbClient,
    database: DbHandle,
    transaction: TrHandle,
}

pub(crate) fn read<W: Write>(ask: &Ask, teller: &mut Teller<W>) -> Result<(), Stop> {
    let SourceConfig::Firebird(from) = &ask.source else {
        return Err(Failed::new(Class::Trouble, format!("{} is not read here", ask.source.kind())).into());
    };
    let Some(Credentials::Password { password }) = &ask.credentials else {
        let said = "the password of the source is missing; enter it in the job";
        return Err(Failed::new(Class::Login, said).into());
    };
    let mut session = Session::begin(from, password.expose()).map_err(|error| fault::of(&error))?;
    teller.begun()?;
    let query = from.query.trim().trim_end_matches(';').trim_end();
    session.is_select(query)?;
    let columns = session.columns(query).map_err(|error| fault::of(&error))?;
    let shown = |column: &Column| Told {
        name: column.name.clone(),
        number: matches!(column.kind, Kind::Whole | Kind::Number),
    };
    teller.columns(columns.iter().map(shown).collect())?;
    if ask.task == Task::Read { session.rows(query, &columns, teller) } else { Ok(()) }
}

impl Session {
    fn begin(from: &FirebirdSource, password: &str) -> Result<Self, FbError> {
        let mut client = RustFbClient::new(UTF_8);
        let config = RustFbClientAttachmentConfig {
            host: from.host.clone(),
            port: if from.port == 0 { FIREBIRD_PORT } else { from.port },
            db_name: from.database.clone(),
            user: from.user.clone(),
            pass: password.to_owned(),
            role_name: None,
        };
        let mut database = client.attach_database(&config, Dialect::D3, false)?;
        let reads = TransactionConfiguration {
            data_access: TrDataAccessMode::ReadOnly,
            isolation: TrIsolationLevel::Concurrency,
            ..TransactionConfiguration::default()
        };
        let transaction = client.begin_transaction(&mut database, reads)?;
        Ok(Self { client, database, transaction })
    }

    /// The server itself says what the query is, in its own words about the technician's own text.
    fn is_select(&mut self, query: &str) -> Result<(), Failed> {
        let Self { client, database, transaction } = self;
        let prepared = client.prepare_statement(database, transaction, Dialect::D3, query);
        match prepared.map_err(|error| fault::of(&error))? {
            (StmtType::Select, _) => Ok(()),
            (other, _) => Err(Failed::new(Class::Writes, format!("it is no select but {other:?}"))),
        }
    }

    fn columns(&mut self, query: &str) -> Result<Vec<Column>, FbError> {
        let Self { client, database, transaction } = self;
        let (_, mut statement) =
            client.prepare_statement(database, transaction, Dialect::D3, &wrap::describing(query))?;
        client.execute(database, transaction, &mut statement, Vec::new())?;
        let row = client.fetch(database, transaction, &mut statement)?.unwrap_or_default();
        let column = |column: &rsfbclient_core::Column| Column {
            name: column.name.to_string(),
            kind: wrap::kind(column.raw_type),
        };
        Ok(row.iter().map(column).collect())
    }

    fn rows<W: Write>(
        &mut self,
        query: &str,
        columns: &[Column],
        teller: &mut Teller<W>,
    ) -> Result<(), Stop> {
        let most = wrap::most_of_a_blob(columns);
        let query = wrap::reading(query, columns);
        let Self { client, database, transaction } = self;
        let told = |error: FbError| Stop::from(fault::of(&error));
        let (_, mut statement) =
            client.prepare_statement(database, transaction, Dialect::D3, &query).map_err(told)?;
        client.execute(database, transaction, &mut statement, Vec::new()).map_err(told)?;
        let mut gone = None;
        let streamed = client.stream_raw(&mut statement, |values| {
            teller.row(row(values, columns, most)).map_err(|stop| {
                gone = Some(stop);
                FbError::from("nobody takes the rows any more")
            })
        });
        match gone {
            Some(stop) => Err(stop),
            None => streamed.map_err(told),
        }
    }
}

fn row(values: &[RawValue], columns: &[Column], most_of_a_blob: usize) -> Row {
    let mut row = Row::default();
    for (value, column) in values.iter().zip(columns) {
        match value {
            RawValue::Null => row.values.push(None),
            RawValue::Integer(whole) => row.values.push(Some(whole.to_string())),
            RawValue::Int128(whole) => row.values.push(Some(whole.to_string())),
            RawValue::Boolean(flag) => row.values.push(Some(flag.to_string())),
            // Neither comes: both are asked for as text.
            RawValue::Floating(float) => row.values.push(Some(float.to_string())),
            RawValue::Timestamp(moment) => row.values.push(Some(moment.to_string())),
            RawValue::Text(bytes) => cell::push(&mut row, column.kind, bytes, most_of_a_blob),
        }
    }
    row
}
