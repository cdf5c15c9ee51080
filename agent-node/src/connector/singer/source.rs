//! The source: a tap is asked for its catalogue, told what is wanted of it, and read line by line, only as fast as its
//! rows are taken.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use messages::ErrorCode;
use messages::connector::{ColumnName, Credentials, SingerSource};
use messages::item::ItemField;
use messages::mapping::Mapping;
use messages::plugin::PluginKind;
use tokio::io::AsyncReadExt as _;

use super::catalog::{self, Chosen, Wanted};
use super::start::{self, Named, Ready};
use super::state::StateFile;
use super::tap::{Heard, Tap};
use crate::connector::file_source::{channel, received};
use crate::connector::http_json::Paths;
use crate::connector::sql::Outflow;
use crate::connector::table::Header;
use crate::connector::{Afterwards, Answer, Failure, FoundColumn, Looked, Means, PosConnector, Reading};
use crate::disk;

/// Of a catalogue; a database of a thousand tables has some five.
const MOST_CATALOG: u64 = 16 * 1024 * 1024;

/// See the module.
pub struct SingerTap {
    config: SingerSource,
    mapping: Mapping,
    credentials: Option<Credentials>,
    means: Means,
}

impl SingerTap {
    #[must_use]
    pub fn new(config: SingerSource, credentials: Option<Credentials>, means: Means) -> Self {
        Self { config, mapping: Mapping::default(), credentials, means }
    }

    /// Its records become items as this says.
    #[must_use]
    pub fn mapped(self, mapping: Mapping) -> Self {
        Self { mapping, ..self }
    }

    /// The plugin, and its catalogue if it has one.
    async fn asked(&self) -> Result<(Ready, Option<Chosen>), Failure> {
        let SingerSource { plugin, settings, secrets, .. } = self.config.clone();
        let named = Named { kind: PluginKind::Tap, plugin, settings, secrets };
        let ready = start::ready(named, self.credentials.clone(), &self.means).await?;
        if !ready.installed.manifest.discover {
            return Ok((ready, None));
        }
        let mut started = ready.start(&[("--discover", None)], false)?;
        let mut catalog = Vec::new();
        let read = started.output.into_inner().take(MOST_CATALOG + 1).read_to_end(&mut catalog).await;
        let failed = |what: String| Failure::new(ErrorCode::SourceUnreadable, what);
        if catalog.len() as u64 > MOST_CATALOG {
            return Err(failed(format!(
                "the catalogue of the plugin \"{}\" has more than 16 MiB",
                ready.name()
            )));
        }
        started.life.end().await.map_err(failed)?;
        read.map_err(|error| failed(format!("the plugin \"{}\" cannot be read: {error}", ready.name())))?;
        let SingerSource { incremental, replication_key, .. } = &self.config;
        let wanted = Wanted { stream: self.stream(&ready), incremental: *incremental, key: replication_key };
        let chosen = catalog::choose(&catalog, wanted).map_err(|what| {
            let detail = format!("the plugin \"{}\" cannot give what is wanted: {what}", ready.name());
            Failure::new(ErrorCode::SourceMalformed, detail)
        })?;
        Ok((ready, Some(chosen)))
    }

    fn stream<'s>(&'s self, ready: &'s Ready) -> &'s str {
        let own = self.config.stream.as_str();
        if own.is_empty() { ready.installed.manifest.stream.as_str() } else { own }
    }

    /// Starts the tap and reads up to what its records have.
    async fn begun(
        &self,
        ready: &Ready,
        chosen: Option<Chosen>,
        state: Option<&str>,
    ) -> Result<Tap, Failure> {
        let put = |name: &str, text: String| {
            let (place, name) = (Arc::clone(&ready.place), name.to_owned());
            disk::off_thread(move || Ok(place.put(&name, text.as_bytes())))
        };
        let lost = |error: io::Error| Failure::new(ErrorCode::Internal, error.to_string());
        let mut more = Vec::new();
        let mut names: Vec<String> = Some(self.stream(ready).to_owned()).into_iter().collect();
        names.retain(|name| !name.is_empty());
        if let Some(chosen) = chosen {
            more.push((
                "--catalog",
                Some(put("catalog.json", chosen.catalog.to_string()).await.map_err(lost)??),
            ));
            names = chosen.names;
        }
        if let Some(state) = state {
            more.push(("--state", Some(put("state.json", state.to_owned()).await.map_err(lost)??)));
        }
        let mut tap = Tap::new(ready.start(&more, false)?, ready.name(), names);
        tap.begin().await?;
        Ok(tap)
    }

    fn paths(&self, wanted: &[ColumnName]) -> Header {
        Header::of_paths(wanted, &self.mapping, self.config.decimal_mark.as_char())
    }

    /// What the items are read from, once it is known what there is; the error tells what is missing.
    fn header(&self, ready: &Ready, properties: &[String]) -> Result<Header, Failure> {
        let wanted = columns(&self.config, ready);
        let mut missing = Vec::new();
        for field in ItemField::ALL {
            if self.mapping.rule(field).is_some() {
                continue;
            }
            let named = wanted.iter().find(|column| column.field == field);
            let path = named.map_or(field.as_str(), |column| column.header.trim());
            if (named.is_some() || field.required()) && !has(properties, path) {
                missing.push(format!("\"{path}\" (for {})", field.as_str()));
            }
        }
        let of_mapping = self.mapping.columns().into_iter().filter(|path| !has(properties, path));
        missing.extend(of_mapping.map(|path| format!("\"{path}\" (for the mapping)")));
        if missing.is_empty() {
            return Ok(self.paths(&wanted));
        }
        let has = crate::connector::table::header::listed(properties);
        let detail = format!("the stream has no value {}; it has {has}", missing.join(", "));
        Err(Failure::new(ErrorCode::SourceMalformed, detail))
    }
}

/// Where the fields are: as the job says, else as the manifest does, else under their own names.
fn columns(config: &SingerSource, ready: &Ready) -> Vec<ColumnName> {
    let of = |field: ItemField| {
        let own = config.columns.iter().find(|column| column.field == field).cloned();
        let manifest = &ready.installed.manifest;
        let usual = || {
            let header = manifest.columns.get(field.as_str())?.clone();
            Some(ColumnName { field, header })
        };
        own.or_else(usual)
    };
    ItemField::ALL.into_iter().filter_map(of).collect()
}

/// A schema that says nothing is no reason to refuse; neither is one that does not go as deep as the path.
fn has(properties: &[String], path: &str) -> bool {
    let within =
        |outer: &str, inner: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('.'));
    properties.is_empty()
        || properties.iter().any(|have| have == path || within(have, path) || within(path, have))
}

/// Keeps where the tap stands, once everything has arrived.
struct KeepState {
    file: StateFile,
    state: Arc<Mutex<Option<String>>>,
}

impl Afterwards for KeepState {
    fn succeeded(self: Box<Self>) -> BoxFuture<'static, Vec<String>> {
        async move {
            let state = self.state.lock().unwrap_or_else(PoisonError::into_inner).take();
            let Some(state) = state else { return Vec::new() };
            let file = self.file;
            match disk::off_thread(move || file.save(&state)).await {
                Ok(()) => Vec::new(),
                Err(error) => {
                    vec![format!("where the tap stands could not be kept, so the next run gives the same again: {error}")]
                }
            }
        }
        .boxed()
    }
}

impl PosConnector for SingerTap {
    fn check(&self) -> Answer<'_, String> {
        async move {
            let (ready, chosen) = self.asked().await?;
            let (stream, properties) = match chosen {
                Some(Chosen { names, properties, .. }) => (names.join(" or "), properties),
                None => {
                    let tap = self.begun(&ready, None, None).await?;
                    (tap.stream(), tap.properties().to_vec())
                }
            };
            self.header(&ready, &properties)?;
            Ok(format!("{} gives the stream {stream} with {} values", ready.name(), properties.len()))
        }
        .boxed()
    }

    fn discover(&self) -> Answer<'_, Vec<FoundColumn>> {
        async move {
            let (ready, chosen) = self.asked().await?;
            let properties = match chosen {
                Some(chosen) => chosen.properties,
                None => self.begun(&ready, None, None).await?.properties().to_vec(),
            };
            let header = self.paths(&columns(&self.config, &ready));
            let field =
                |path: &str| ItemField::ALL.into_iter().find(|field| header.name(*field) == Some(path));
            Ok(properties.into_iter().map(|header| FoundColumn { field: field(&header), header }).collect())
        }
        .boxed()
    }

    fn look(&self) -> Answer<'_, Looked> {
        async move {
            let (ready, chosen) = self.asked().await?;
            let mut tap = self.begun(&ready, chosen, None).await?;
            let header = Header::raw(tap.properties().to_vec());
            let paths = Paths::of(header.names.iter().map(String::as_str));
            let (mark, mut out) = (self.config.decimal_mark.as_char(), Outflow::looking(header.clone()));
            while let Heard::Record = tap.next().await? {
                out.start();
                paths.fill(tap.record(), mark, &mut out.row);
                if !out.take().await {
                    break;
                }
            }
            Ok(out.looked(format!("the stream {}", tap.stream())))
        }
        .boxed()
    }

    fn open(&self) -> Answer<'_, Reading> {
        async move {
            let (ready, chosen) = self.asked().await?;
            let job = self.means.job.as_ref().filter(|_| self.config.incremental);
            let file = job.map(|job| (StateFile::new(job.state.clone(), &self.config), job.fresh));
            let state = match file.clone() {
                Some((file, false)) => disk::off_thread(move || file.load()).await.map_err(|error| {
                    let detail = format!("where the tap stood last cannot be read: {error}");
                    Failure::new(ErrorCode::Internal, detail)
                })?,
                _ => None,
            };
            let tap = self.begun(&ready, chosen, state.as_deref()).await?;
            let header = self.header(&ready, tap.properties())?;
            let stands = Arc::new(Mutex::new(None));
            let afterwards = file.map(|(file, _)| {
                Box::new(KeepState { file, state: Arc::clone(&stands) }) as Box<dyn Afterwards>
            });
            let mark = self.config.decimal_mark.as_char();
            let (to, batches) = channel();
            let out = Outflow::new(header.clone(), mark, to.clone());
            tokio::spawn(async move {
                let work = run(tap, &header, mark, out, stands);
                tokio::select! {
                    outcome = work => if let Err(failure) = outcome {
                        // Nobody listens when the run is over, and then nobody misses it.
                        let _ignored = to.send(Err(failure)).await;
                    },
                    () = to.closed() => {}
                }
            });
            Ok(Reading { bytes_total: 0, batches: received(batches), afterwards })
        }
        .boxed()
    }
}

async fn run(
    mut tap: Tap,
    header: &Header,
    mark: char,
    mut out: Outflow,
    stands: Arc<Mutex<Option<String>>>,
) -> Result<(), Failure> {
    let paths = Paths::of(header.names.iter().map(String::as_str));
    loop {
        match tap.next().await? {
            Heard::Record => {
                out.start();
                paths.fill(tap.record(), mark, &mut out.row);
                if !out.take().await {
                    return Ok(());
                }
            }
            Heard::End => break,
        }
        for note in tap.notes() {
            out.note(note);
        }
    }
    for note in tap.notes() {
        out.note(note);
    }
    *stands.lock().unwrap_or_else(PoisonError::into_inner) = tap.take_state();
    out.finish().await;
    Ok(())
}
