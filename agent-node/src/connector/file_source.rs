//! A source whose items lie in files: finds them, waits until they stand still, has them read on a thread of its own,
//! and puts them away afterwards. What a file holds is the kind's business.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt as _, StreamExt as _};
use messages::ErrorCode;
use messages::connector::FileSet;
use messages::inspect::Sample;
use messages::mapping::Mapping;
use tokio::sync::mpsc;

use super::files::{self, Archive, Found};
use super::table::Tally;
use super::table::header::Want;
use super::table::tally::HandOver;
use super::table::{Header, Row};
use super::{Afterwards, Answer, Batch, Failure, FoundColumn, Looked, PosConnector, Reading};

/// Batches under way between the reading thread and the run.
const BATCHES_AHEAD: usize = 3;
/// Rows that are read for a sample, in case many are empty or broken.
pub(super) const MOST_LOOKED_AT: usize = 10_000;

/// A kind of file. Everything here blocks and is called beside the runtime.
pub trait FileKind: Clone + Send + Sync + 'static {
    /// A file whose columns are known.
    type Opened: Send + 'static;

    fn files(&self) -> FileSet<'_>;

    fn open(&self, found: Found, want: Want<'_>) -> Result<Self::Opened, Failure>;

    /// What was found, in one line.
    fn found(opened: &Self::Opened) -> String;

    fn columns(&self, opened: Self::Opened) -> Result<Vec<FoundColumn>, Failure>;

    /// The first rows of a file that was opened to look at what stands in it.
    fn sample(&self, opened: Self::Opened) -> Result<Looked, Failure>;

    /// Reads the files to their end; stops early when `hand_over` says that nobody wants more.
    fn read(
        &self,
        several: bool,
        files: &mut dyn Iterator<Item = Result<Self::Opened, Failure>>,
        hand_over: &HandOver<'_>,
    ) -> Result<(), Failure>;
}

/// See the module.
pub struct FileConnector<K> {
    kind: K,
    mapping: Arc<Mapping>,
}

impl<K: FileKind> FileConnector<K> {
    #[must_use]
    pub fn new(kind: K) -> Self {
        Self { kind, mapping: Arc::default() }
    }

    /// Its rows become items as this says.
    #[must_use]
    pub fn mapped(self, mapping: Mapping) -> Self {
        Self { mapping: Arc::new(mapping), ..self }
    }

    /// The files to be read, the newest first, once they stand still.
    async fn found(&self) -> Result<Vec<Found>, Failure> {
        let (found, settled_s) = on_thread(&self.kind, |kind| {
            let FileSet { path, pick, settled_s, .. } = kind.files();
            Ok((files::find(path, pick)?, settled_s))
        })
        .await?;
        files::settle(&found, Duration::from_secs(settled_s.into())).await?;
        Ok(found)
    }

    /// The first of them.
    async fn first(&self) -> Result<Found, Failure> {
        let file = self.found().await?.into_iter().next();
        file.ok_or_else(|| Failure::new(ErrorCode::SourceMissing, "there is no file to be read"))
    }

    async fn opened(&self) -> Result<K::Opened, Failure> {
        let (file, mapping) = (self.first().await?, self.mapping.clone());
        on_thread(&self.kind, move |kind| kind.open(file, Want::Items(&mapping))).await
    }
}

async fn on_thread<K, T, F>(kind: &K, work: F) -> Result<T, Failure>
where
    K: FileKind,
    T: Send + 'static,
    F: FnOnce(&K) -> Result<T, Failure> + Send + 'static,
{
    let kind = kind.clone();
    off_thread(move || work(&kind)).await
}

/// Runs what blocks beside the runtime.
pub(super) async fn off_thread<T, F>(work: F) -> Result<T, Failure>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, Failure> + Send + 'static,
{
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(Failure::new(ErrorCode::Internal, format!("reading broke off: {error}"))))
}

impl<K: FileKind> PosConnector for FileConnector<K> {
    fn check(&self) -> Answer<'_, String> {
        async move { Ok(K::found(&self.opened().await?)) }.boxed()
    }

    fn discover(&self) -> Answer<'_, Vec<FoundColumn>> {
        async move {
            let opened = self.opened().await?;
            on_thread(&self.kind, move |kind| kind.columns(opened)).await
        }
        .boxed()
    }

    fn look(&self) -> Answer<'_, Looked> {
        async move {
            let file = self.first().await?;
            on_thread(&self.kind, move |kind| kind.sample(kind.open(file, Want::Raw)?)).await
        }
        .boxed()
    }

    fn open(&self) -> Answer<'_, Reading> {
        async move {
            let mapping = self.mapping.clone();
            let found = self.found().await?;
            let bytes_total = found.iter().map(|file| file.stamp.size).sum();
            let archive = self.kind.files().archive;
            let afterwards = (!archive.is_empty()).then(|| {
                Box::new(Archive { files: found.clone(), folder: archive.into() }) as Box<dyn Afterwards>
            });
            // Opened one after the other; what is wrong with the first is told before anything is begun.
            let (first, kind) = on_thread(&self.kind, {
                let (file, mapping) = (found.first().cloned(), mapping.clone());
                move |kind| {
                    let first = file.map(|file| kind.open(file, Want::Items(&mapping)));
                    Ok((first.transpose()?, kind.clone()))
                }
            })
            .await?;
            let batches = feed(move |hand_over| {
                let several = found.len() > 1;
                let rest = found.into_iter().skip(1).map(|file| kind.open(file, Want::Items(&mapping)));
                let mut files = first.map(Ok).into_iter().chain(rest);
                kind.read(several, &mut files, hand_over)
            });
            Ok(Reading { bytes_total, batches, afterwards })
        }
        .boxed()
    }
}

/// Batches that a thread of their own makes, as a stream. The thread stops when the stream is dropped.
pub(super) fn feed<F>(work: F) -> futures_util::stream::BoxStream<'static, Result<Batch, Failure>>
where
    F: FnOnce(&HandOver<'_>) -> Result<(), Failure> + Send + 'static,
{
    let (hand_over, batches) = mpsc::channel(BATCHES_AHEAD);
    tokio::task::spawn_blocking(move || {
        if let Err(failure) = work(&|batch| hand_over.blocking_send(Ok(batch)).is_ok()) {
            // Nobody listens when the run is over, and then nobody misses it.
            let _ignored = hand_over.blocking_send(Err(failure));
        }
    });
    received(batches)
}

/// What comes out of a channel, as a stream.
pub(super) fn received(
    batches: mpsc::Receiver<Result<Batch, Failure>>,
) -> futures_util::stream::BoxStream<'static, Result<Batch, Failure>> {
    futures_util::stream::unfold(batches, |mut batches| async move {
        batches.recv().await.map(|batch| (batch, batches))
    })
    .boxed()
}

/// A channel for [`received`].
pub(super) fn channel() -> (mpsc::Sender<Result<Batch, Failure>>, mpsc::Receiver<Result<Batch, Failure>>) {
    mpsc::channel(BATCHES_AHEAD)
}

/// Rows of a file, one after the other.
pub trait Rows: Send {
    fn header(&self) -> &Header;

    /// The next row; false at the end.
    fn advance(&mut self, row: &mut Row) -> Result<bool, Failure>;

    /// Bytes of the file that have been read so far, roughly.
    fn bytes_read(&self) -> u64;

    /// How many rows there are, where the file says so.
    fn count(&self) -> Option<u64> {
        None
    }

    /// What a technician should know at the end.
    fn notes(&mut self) -> Vec<String> {
        Vec::new()
    }
}

/// A file and its rows.
pub struct OpenFile {
    pub(super) file: Found,
    pub(super) rows: Box<dyn Rows>,
}

/// Reads files of rows to their end, into batches.
pub(super) fn read_all(
    mut tally: Tally,
    files: &mut dyn Iterator<Item = Result<OpenFile, Failure>>,
    hand_over: &HandOver<'_>,
) -> Result<(), Failure> {
    let mut row = Row::default();
    for opened in files {
        let OpenFile { file, mut rows } = opened?;
        tally.at(tally.is_of_several().then(|| file.name()));
        while rows.advance(&mut row)? {
            let bytes = rows.bytes_read().min(file.stamp.size);
            if !tally.take(rows.header(), &row, bytes, hand_over) {
                return Ok(());
            }
        }
        for note in rows.notes() {
            tally.note(note);
        }
        if files::look(&file.path)? != file {
            return Err(files::changing(&file.path));
        }
        tally.end_of_file(file.stamp.size);
    }
    tally.finish(hand_over);
    Ok(())
}

/// The first rows of an open file.
pub(super) fn sample(opened: OpenFile) -> Result<Looked, Failure> {
    let OpenFile { file, mut rows } = opened;
    let (named, columns) = named(&rows.header().names);
    let (mut sample, mut row) = (Sample::default(), Row::default());
    for _ in 0..MOST_LOOKED_AT {
        if !rows.advance(&mut row)? {
            break;
        }
        let sound = !row.is_blank() && row.broken().is_none();
        if sound && !sample.take(named.iter().map(|at| row.value(*at))) {
            break;
        }
    }
    Ok(Looked { place: file.path.display().to_string(), columns, sample })
}

/// The columns that have a name, and their places: no other can be asked for.
pub(super) fn named(names: &[String]) -> (Vec<usize>, Vec<String>) {
    let named = names.iter().enumerate().filter(|(_, name)| !name.is_empty());
    named.map(|(at, name)| (at, name.clone())).unzip()
}

/// The columns of a header, as they are shown.
pub(super) fn columns(header: &Header) -> Vec<FoundColumn> {
    let names = header.names.iter().enumerate();
    names.map(|(at, name)| FoundColumn { header: name.clone(), field: header.field(at) }).collect()
}
