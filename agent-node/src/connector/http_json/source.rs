//! The connector: page after page, each read on a thread beside the runtime.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{BufReader, Seek as _};

use futures_util::FutureExt as _;
use messages::ErrorCode;
use messages::connector::{Credentials, HttpJsonSource, Paging};
use messages::inspect::Sample;
use messages::item::ItemField;
use messages::mapping::Mapping;
use tokio::sync::mpsc;

use super::fetch::{Fetch, Page};
use super::item::{self, Paths};
use super::paging::{Pages, Seen};
use super::scan::{Fault, Found, Wanted, scan};
use crate::connector::file_source::{channel, off_thread, received};
use crate::connector::table::tally::HandOver;
use crate::connector::table::{Header, Row, Tally};
use crate::connector::{Answer, Batch, Failure, FoundColumn, Looked, Means, PosConnector, Reading, scratch};

/// Items that are looked at to learn what they have.
const LOOKED_AT: u64 = 50;

/// See the module.
pub struct HttpJsonConnector {
    config: HttpJsonSource,
    mapping: Mapping,
    credentials: Option<Credentials>,
    means: Means,
}

impl HttpJsonConnector {
    #[must_use]
    pub fn new(config: HttpJsonSource, credentials: Option<Credentials>, means: Means) -> Self {
        Self { config, mapping: Mapping::default(), credentials, means }
    }

    /// Its items become ours as this says.
    #[must_use]
    pub fn mapped(self, mapping: Mapping) -> Self {
        Self { mapping, ..self }
    }

    fn header(&self) -> Header {
        Header::of_paths(&self.config.columns, &self.mapping, self.config.decimal_mark.as_char())
    }

    async fn first_page(&self) -> Result<(Fetch, Option<Page>), Failure> {
        let mut fetch = Fetch::new(&self.config, self.credentials.as_ref(), &self.means)?;
        let page = fetch.page(Pages::new(&self.config).url(), true).await?;
        Ok((fetch, page))
    }

    /// What the first items of the first page have.
    async fn looked_at(&self) -> Result<(u64, Vec<String>), Failure> {
        let (_, page) = self.first_page().await?;
        let Some(Page { file, .. }) = page else { return Ok((0, Vec::new())) };
        let items = item::split(&self.config.items);
        off_thread(move || paths(&items, &file)).await
    }
}

impl PosConnector for HttpJsonConnector {
    fn check(&self) -> Answer<'_, String> {
        async move {
            let (count, paths) = self.looked_at().await?;
            let (address, more) = (self.config.address(), if count < LOOKED_AT { "" } else { " or more" });
            Ok(format!("{address} answers with {count}{more} items of {} values", paths.len()))
        }
        .boxed()
    }

    fn discover(&self) -> Answer<'_, Vec<FoundColumn>> {
        async move {
            let header = self.header();
            let field =
                |path: &str| ItemField::ALL.into_iter().find(|field| header.name(*field) == Some(path));
            let (_, paths) = self.looked_at().await?;
            Ok(paths.into_iter().map(|header| FoundColumn { field: field(&header), header }).collect())
        }
        .boxed()
    }

    fn look(&self) -> Answer<'_, Looked> {
        async move {
            let (_, page) = self.first_page().await?;
            let place = self.config.address().to_owned();
            let none = Looked { place, columns: Vec::new(), sample: Sample::default() };
            let Some(Page { file, .. }) = page else { return Ok(none) };
            let config = self.config.clone();
            off_thread(move || look(&config, none.place, file)).await
        }
        .boxed()
    }

    fn open(&self) -> Answer<'_, Reading> {
        async move {
            let (fetch, page) = self.first_page().await?;
            let page = match page {
                Some(page) => Some(proven(&self.config, page).await?),
                None => None,
            };
            let (hand_over, batches) = channel();
            let (config, header) = (self.config.clone(), self.header());
            tokio::spawn(async move {
                let gone = hand_over.clone();
                let work = run(config, header, fetch, page, &hand_over);
                tokio::select! {
                    outcome = work => if let Err(failure) = outcome {
                        // Nobody listens when the run is over, and then nobody misses it.
                        let _ignored = gone.send(Err(failure)).await;
                    },
                    () = gone.closed() => {}
                }
            });
            Ok(Reading { bytes_total: 0, batches: received(batches), afterwards: None })
        }
        .boxed()
    }
}

/// The paths of a page's first items, and what they have there.
fn look(config: &HttpJsonSource, place: String, mut file: std::fs::File) -> Result<Looked, Failure> {
    let items = item::split(&config.items);
    let wanted = Wanted { items: &items, value: None };
    let columns = paths(&items, &file)?.1;
    file.rewind().map_err(|error| scratch::failed(&error))?;
    let (paths, mark) = (Paths::of(columns.iter().map(String::as_str)), config.decimal_mark.as_char());
    let (mut sample, mut row, mut count) = (Sample::default(), Row::default(), 0);
    let found = scan(BufReader::new(file), &wanted, &mut |raw, _| {
        row.start(0);
        paths.fill(raw, mark, &mut row);
        count += 1;
        let more = row.broken().is_some() || sample.take((0..columns.len()).map(|at| row.value(at)));
        more && count < LOOKED_AT
    });
    listed(&items, found)?;
    Ok(Looked { place, columns, sample })
}

/// How many items a page begins with, as far as they are looked at, and the paths that they have.
fn paths(items: &[String], file: &std::fs::File) -> Result<(u64, Vec<String>), Failure> {
    let (mut count, mut paths) = (0, Vec::new());
    let found = scan(BufReader::new(file), &Wanted { items, value: None }, &mut |raw, _| {
        count += 1;
        for path in item::paths(raw) {
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
        count < LOOKED_AT
    });
    listed(items, found)?;
    Ok((count, paths))
}

/// The page again, if it has a list of items: what is wrong with the settings is told before anything is begun.
async fn proven(config: &HttpJsonSource, mut page: Page) -> Result<Page, Failure> {
    let items = item::split(&config.items);
    off_thread(move || {
        let found = scan(&page.file, &Wanted { items: &items, value: None }, &mut |_, _| false);
        listed(&items, found)?;
        page.file.rewind().map_err(|error| scratch::failed(&error))?;
        Ok(page)
    })
    .await
}

/// What is handed from page to page.
struct Under {
    tally: Tally,
    header: Header,
    row: Row,
    /// Of the item that was read last, counted over all pages.
    number: u64,
}

type Sender = mpsc::Sender<Result<Batch, Failure>>;

async fn run(
    config: HttpJsonSource,
    header: Header,
    mut fetch: Fetch,
    first: Option<Page>,
    hand_over: &Sender,
) -> Result<(), Failure> {
    let mut pages = Pages::new(&config);
    let tally = Tally::new(false, config.decimal_mark.as_char());
    let mut under = Under { tally, header, row: Row::default(), number: 0 };
    let mut page = first;
    while let Some(this) = page {
        let place = (config.paging != Paging::None).then(|| format!("page {}", pages.number()));
        under.tally.at(place);
        fetch.notes.drain(..).for_each(|note| under.tally.note(note));
        let (work, sender, links, bytes) = (config.clone(), hand_over.clone(), this.links, this.bytes);
        let (back, read) = off_thread(move || {
            read(&work, under, this.file, &|batch| sender.blocking_send(Ok(batch)).is_ok())
        })
        .await?;
        under = back;
        let Some(seen) = read else { return Ok(()) };
        under.tally.end_of_part(bytes);
        page =
            if pages.advance(Seen { links, ..seen })? { fetch.page(pages.url(), false).await? } else { None };
    }
    fetch.notes.drain(..).for_each(|note| under.tally.note(note));
    let sender = hand_over.clone();
    off_thread(move || {
        under.tally.finish(&|batch| sender.blocking_send(Ok(batch)).is_ok());
        Ok(())
    })
    .await
}

/// Reads a page; nothing was seen when nobody wants more.
fn read(
    config: &HttpJsonSource,
    mut under: Under,
    file: std::fs::File,
    hand_over: &HandOver<'_>,
) -> Result<(Under, Option<Seen>), Failure> {
    let items = item::split(&config.items);
    let value = match &config.paging {
        Paging::Cursor { path, .. } | Paging::NextUrl { path } => Some(item::split(path)),
        _ => None,
    };
    let (paths, mark) =
        (Paths::of(under.header.names.iter().map(String::as_str)), config.decimal_mark.as_char());
    let (mut digest, mut count, mut wanted) = (DefaultHasher::new(), 0, true);
    let found = scan(file, &Wanted { items: &items, value: value.as_deref() }, &mut |raw, bytes| {
        raw.hash(&mut digest);
        count += 1;
        under.number += 1;
        under.row.start(under.number);
        paths.fill(raw, mark, &mut under.row);
        wanted = under.tally.take(&under.header, &under.row, bytes, hand_over);
        wanted
    });
    let found = listed(&items, found)?;
    let seen = Seen { items: count, next: found.value, links: Vec::new(), digest: digest.finish() };
    Ok((under, wanted.then_some(seen)))
}

/// A list was there.
fn listed(items: &[String], found: Result<Found, Fault>) -> Result<Found, Failure> {
    let malformed = |detail: String| Failure::new(ErrorCode::SourceMalformed, detail);
    let found = found.map_err(|fault| match fault {
        Fault::Disk(error) => scratch::failed(&error),
        Fault::Form(what) => malformed(format!("the answer is not the JSON that was expected: {what}")),
    })?;
    if found.list {
        return Ok(found);
    }
    let place = if items.is_empty() {
        "the answer is no list of items".to_owned()
    } else {
        format!("the answer has no list at \"{}\"", items.join("."))
    };
    let names = if found.names.is_empty() {
        String::new()
    } else {
        format!("; it has {}", crate::connector::table::header::listed(&found.names))
    };
    Err(malformed(format!("{place}{names}")))
}
