//! `Writer`: owns the one connection that writes. First child of the edge; when its thread ends it fails and is started
//! again with a new connection.
//!
//! Limits: [`MOST_TOGETHER`] pieces of work share a commit; the queue is bounded in the parent.

use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use actors::failpoint;
use actors::observe::Observable;
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use rusqlite::Connection;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::{Answer, Done, QUEUE, Store, StoreError, Tx, Work, schema};

/// Batches form while the disk is busy with the one before. More than this would only make the first of them wait.
pub const MOST_TOGETHER: usize = 64;
/// For what is queued to be written when the edge stops.
const STOP_PATIENCE: Duration = Duration::from_secs(8);

pub struct Writer;

#[derive(Clone)]
pub struct WriterArguments {
    pub store: Store,
}

pub enum WriterMsg {
    Observe(RpcReplyPort<Value>),
    /// The thread is gone.
    Ended(Option<String>),
}

impl ractor::Message for WriterMsg {}

impl Observable for WriterMsg {
    fn observe(reply: RpcReplyPort<Value>) -> Self {
        Self::Observe(reply)
    }
}

pub struct WriterState {
    store: Store,
    ended: Option<oneshot::Receiver<()>>,
}

impl Actor for Writer {
    type Msg = WriterMsg;
    type State = WriterState;
    type Arguments = WriterArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<WriterMsg>,
        WriterArguments { store }: WriterArguments,
    ) -> Result<WriterState, ActorProcessingErr> {
        let path = store.path().to_path_buf();
        let connection = tokio::task::spawn_blocking(move || schema::open(&path)).await??;
        let (queue, jobs) = sync_channel(QUEUE);
        let (end, ended) = oneshot::channel();
        let thread_store = store.clone();
        std::thread::Builder::new().name("store-writer".to_owned()).spawn(move || {
            // Told on the way out of a panic as well, and when the file is closed: what is declared last goes first.
            let _end = end;
            let connection = connection;
            let mut news = Ended(Some(myself), None);
            if let Err(failure) = work_off(&connection, &jobs, &thread_store) {
                news.1 = Some(failure.to_string());
            }
        })?;
        store.set_queue(Some(queue));
        Ok(WriterState { store, ended: Some(ended) })
    }

    async fn handle(
        &self,
        _myself: ActorRef<WriterMsg>,
        message: WriterMsg,
        state: &mut WriterState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            WriterMsg::Observe(reply) => {
                let _ignored = reply.send(json!({"file": state.store.path().display().to_string()}));
                Ok(())
            }
            WriterMsg::Ended(why) => {
                state.store.set_queue(None);
                Err(why.unwrap_or_else(|| "the writer's thread broke off".to_owned()).into())
            }
        }
    }

    async fn post_stop(
        &self,
        _myself: ActorRef<WriterMsg>,
        state: &mut WriterState,
    ) -> Result<(), ActorProcessingErr> {
        // Without a queue the thread works off what it has and ends.
        state.store.close_readers();
        state.store.set_queue(None);
        if let Some(ended) = state.ended.take()
            && timeout(STOP_PATIENCE, ended).await.is_err()
        {
            tracing::warn!("the disk did not finish writing in time");
        }
        Ok(())
    }
}

/// Tells the actor when the thread goes, however it goes.
struct Ended(Option<ActorRef<WriterMsg>>, Option<String>);

impl Drop for Ended {
    fn drop(&mut self) {
        if let Some(actor) = self.0.take() {
            // An actor that is gone needs no telling.
            let _ignored = actor.cast(WriterMsg::Ended(self.1.take()));
        }
    }
}

/// Until the queue is closed and empty, or the connection is broken.
fn work_off(connection: &Connection, jobs: &Receiver<Work>, store: &Store) -> Result<(), StoreError> {
    while let Ok(first) = jobs.recv() {
        let mut batch = vec![first];
        while batch.len() < MOST_TOGETHER {
            let Ok(next) = jobs.try_recv() else { break };
            batch.push(next);
        }
        commit(connection, batch, store)?;
    }
    Ok(())
}

/// One transaction for the whole batch. Only what breaks the connection is an error here; all else is answered.
fn commit(connection: &Connection, batch: Vec<Work>, store: &Store) -> Result<(), StoreError> {
    let tx = Tx { connection, events: std::cell::Cell::new(false) };
    let mut answers: Vec<Answer> = Vec::with_capacity(batch.len());
    let outcome = run(&tx, batch, &mut answers);
    if outcome.is_err() && !connection.is_autocommit() {
        // It may have been rolled back already by what failed.
        let _ignored = connection.execute_batch("rollback");
    }
    failpoint::pass("edge_writer.after_commit");
    if outcome.is_ok() && tx.events.get() {
        store.0.events.notify_one();
    }
    for answer in answers {
        answer(outcome.clone());
    }
    match outcome {
        Err(error) if error.is_broken() => Err(error),
        _ => Ok(()),
    }
}

fn run(tx: &Tx<'_>, batch: Vec<Work>, answers: &mut Vec<Answer>) -> Result<(), StoreError> {
    let step = |sql: &str| -> Result<(), StoreError> {
        tx.connection.prepare_cached(sql)?.execute([])?;
        Ok(())
    };
    let begun = step("begin immediate");
    for work in batch {
        if begun.is_err() || tx.connection.is_autocommit() {
            // The transaction is gone: nothing of this batch can be kept, and the rest is not begun.
            answers.push(work(None).answer);
            continue;
        }
        step("savepoint piece")?;
        let Done { keep, answer } = work(Some(tx));
        answers.push(answer);
        if tx.connection.is_autocommit() {
            continue;
        }
        if !keep {
            step("rollback to piece")?;
        }
        step("release piece")?;
    }
    begun?;
    if tx.connection.is_autocommit() {
        return Err(StoreError::Full);
    }
    failpoint::pass("edge_writer.before_commit");
    step("commit")
}
