//! The destination: a target is started when everything was read, told each item, and done when it ends well.
//!
//! A target cannot take back what it was told, so items are staged first, as for every platform. What it has kept it
//! says by the states that it gives back; a target is told everything again in the next attempt, and keeps one item for
//! each number if it is one that replaces.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use messages::ErrorCode;
use messages::connector::{Credentials, SingerDestination};
use messages::plugin::PluginKind;
use tokio::io::AsyncWriteExt as _;
use tokio::process::{ChildStdin, ChildStdout};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::message::{self, Teller};
use super::start::{self, Named, Ready};
use crate::connector::process::{Life, Lines, Next, Started};
use crate::connector::stage::{Room, Stage};
use crate::connector::staged_sink::NAME;
use crate::connector::{
    Answer, BATCH_ROWS, Delivered, DestinationConnector, Failure, ForRun, ItemSink, Means, Numbered, Receipt,
};

/// Told at once, and then the target is asked what it has.
const ROOM: Room = Room { items: BATCH_ROWS, bytes: 1024 * 1024 };

/// See the module.
pub struct SingerTarget {
    config: SingerDestination,
    credentials: Option<Credentials>,
    means: Means,
}

impl SingerTarget {
    #[must_use]
    pub const fn new(config: SingerDestination, credentials: Option<Credentials>, means: Means) -> Self {
        Self { config, credentials, means }
    }

    async fn ready(&self) -> Result<Ready, Failure> {
        let SingerDestination { plugin, settings, secrets, .. } = self.config.clone();
        let named = Named { kind: PluginKind::Target, plugin, settings, secrets };
        start::ready(named, self.credentials.clone(), &self.means).await
    }
}

impl DestinationConnector for SingerTarget {
    fn check(&self) -> Answer<'_, String> {
        async move {
            // Singer has no way to ask a target whether it could; to start one is to let it write.
            let ready = self.ready().await?;
            Ok(format!(
                "the plugin \"{}\" is there, and its settings are of the form that it wants",
                ready.name()
            ))
        }
        .boxed()
    }

    fn open<'a>(&'a self, run: &'a ForRun) -> Answer<'a, Box<dyn ItemSink>> {
        async move {
            let ready = self.ready().await?;
            let teller = Teller::new(&ready.installed.manifest, &self.config.stream);
            let stage = Stage::create(&self.means.scratch, run, NAME).await?;
            Ok(Box::new(Sink { ready, teller, stage, at: At::Staging, told: 0, kept: 0, bytes: 0 })
                as Box<dyn ItemSink>)
        }
        .boxed()
    }
}

struct Sink {
    ready: Ready,
    teller: Teller,
    stage: Stage,
    at: At,
    /// Items that the target was told.
    told: u64,
    /// Of these, the items that it says it has.
    kept: u64,
    bytes: u64,
}

enum At {
    Staging,
    /// The target listens; and whether everything was taken from the stage.
    Telling(Box<Listener>),
    Done,
}

/// A target at work.
struct Listener {
    input: Option<ChildStdin>,
    life: Life,
    /// Items that it says it has; none as long as it says nothing.
    says: watch::Receiver<Option<u64>>,
    reading: JoinHandle<Result<(), String>>,
}

impl Listener {
    fn new(started: Started, plugin: &str) -> Self {
        let Started { input, output, life } = started;
        let (say, says) = watch::channel(None);
        let plugin = plugin.to_owned();
        let reading = tokio::spawn(async move { listen(output, &say, &plugin).await });
        Self { input, life, says, reading }
    }

    /// Tells it these lines. One that is gone says why in its end.
    async fn tell(&mut self, lines: &[u8]) -> Result<(), Failure> {
        let Some(input) = &mut self.input else { return Ok(()) };
        let told = match input.write_all(lines).await {
            Ok(()) => input.flush().await,
            Err(error) => Err(error),
        };
        match told {
            Ok(()) => Ok(()),
            Err(error) => {
                self.ended().await?;
                let detail = format!("the plugin takes no more items and does not say why: {error}");
                Err(Failure::new(ErrorCode::DestinationFailed, detail))
            }
        }
    }

    /// Waits for its end, which must be a good one.
    async fn ended(&mut self) -> Result<(), Failure> {
        self.input = None;
        let failed = |what: String| Failure::new(ErrorCode::DestinationFailed, what);
        let read = (&mut self.reading).await.unwrap_or_else(|error| Err(error.to_string()));
        if let Err(what) = read {
            self.life.kill();
            return Err(failed(self.life.clean(&what)));
        }
        self.life.end().await.map_err(failed)
    }
}

/// Reads what a target gives back, to the end.
async fn listen(
    mut lines: Lines<ChildStdout>,
    say: &watch::Sender<Option<u64>>,
    plugin: &str,
) -> Result<(), String> {
    loop {
        let next = lines
            .advance()
            .await
            .map_err(|error| format!("the plugin \"{plugin}\" cannot be read: {error}"))?;
        match next {
            Next::End => return Ok(()),
            Next::TooLong => {
                return Err(format!(
                    "line {} of the plugin \"{plugin}\" has more than 4 MiB",
                    lines.number()
                ));
            }
            Next::Line if lines.line().iter().all(u8::is_ascii_whitespace) => {}
            Next::Line => {
                let kept = message::kept(lines.line())
                    .map_err(|what| format!("line {} of the plugin \"{plugin}\" {what}", lines.number()))?;
                if kept.is_some() {
                    say.send_replace(kept);
                }
            }
        }
    }
}

impl Sink {
    /// The next portion, or the end; nothing when that is over.
    async fn next(&mut self) -> Result<Option<Delivered>, Failure> {
        let mut lines = Vec::new();
        if matches!(self.at, At::Staging) {
            let listener = Listener::new(self.ready.start(&[], true)?, self.ready.name());
            self.at = At::Telling(Box::new(listener));
            self.teller.schema(&mut lines);
        }
        let At::Telling(listener) = &mut self.at else { return Ok(None) };
        let (rows, last) = self.stage.next(ROOM).await?;
        for Numbered { item, .. } in &rows {
            self.teller.record(item, &mut lines);
        }
        self.told += rows.len() as u64;
        self.teller.state(self.told, &mut lines);
        listener.tell(&lines).await?;
        self.bytes += lines.len() as u64;
        let mut notes = listener.life.notes();
        let mut says = *listener.says.borrow();
        if last {
            listener.ended().await?;
            says = *listener.says.borrow();
            notes.extend(listener.life.notes());
            self.at = At::Done;
            says = Some(self.judged(says, &mut notes)?);
        }
        let kept = says.unwrap_or(0).min(self.told);
        let sent = kept.saturating_sub(self.kept);
        self.kept += sent;
        Ok(Some(Delivered { sent, bytes: self.bytes, notes, ..Delivered::default() }))
    }

    /// It ended well: how much has it? One that gives back no states is taken at its word.
    fn judged(&self, says: Option<u64>, notes: &mut Vec<String>) -> Result<u64, Failure> {
        let (told, plugin) = (self.told, self.ready.name());
        match says {
            Some(kept) if kept < told => {
                let detail = format!(
                    "the plugin \"{plugin}\" ended well, and says that it kept {kept} of {told} items"
                );
                Err(Failure::new(ErrorCode::DestinationFailed, detail))
            }
            Some(_) => Ok(told),
            None => {
                notes
                    .push(format!("{plugin} does not say what it kept; that it ended well is taken for all"));
                Ok(told)
            }
        }
    }
}

impl ItemSink for Sink {
    fn write<'a>(&'a mut self, rows: &'a [Numbered]) -> Answer<'a, u64> {
        async move {
            self.stage.append(rows).await?;
            Ok(0)
        }
        .boxed()
    }

    fn holds_back(&self) -> bool {
        true
    }

    fn deliver(&mut self) -> Answer<'_, Option<Delivered>> {
        self.next().boxed()
    }

    fn finish(&mut self) -> Answer<'_, Receipt> {
        let done = matches!(self.at, At::Done);
        let place = format!("the plugin \"{}\" took {} items", self.ready.name(), self.kept);
        let receipt = Receipt { bytes: self.bytes, place };
        async move {
            if !done {
                return Err(Failure::new(ErrorCode::Internal, "items that were staged have not been sent"));
            }
            Ok(receipt)
        }
        .boxed()
    }

    fn abort(&mut self) -> BoxFuture<'_, ()> {
        if let At::Telling(listener) = &self.at {
            listener.life.kill();
        }
        self.at = At::Done;
        Box::pin(std::future::ready(()))
    }
}
