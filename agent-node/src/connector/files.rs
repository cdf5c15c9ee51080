//! The files of a source that lies in a folder: which are meant, whether they stand still, and where they go when
//! they were sent. `choose` and `fits` are pure; the rest blocks and is called beside the runtime.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use messages::connector::PickFiles;
use messages::{ErrorCode, Timestamp};

use super::{Afterwards, Failure};
use crate::disk;

/// Exports that wait to be read; more are a folder in which nobody tidies, and a run without an end.
const MAX_FILES: usize = 1_000;
/// A run waits so long itself for a file to have stood still; for more it fails, and is tried again later.
const WATCHED: Duration = Duration::from_secs(10);

/// Size and time of a file, to be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    pub(super) size: u64,
    changed: Option<SystemTime>,
}

impl From<&Metadata> for Stamp {
    fn from(metadata: &Metadata) -> Self {
        Self { size: metadata.len(), changed: metadata.modified().ok() }
    }
}

/// A file as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub(super) path: PathBuf,
    pub(super) stamp: Stamp,
}

impl Found {
    /// As it is called in its folder.
    pub(super) fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

/// Does the name fit a pattern of `*` (anything) and `?` (one character)? Case counts, as it does for most systems
/// that write exports.
fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut from) = (0, 0);
    // Where the last star stands, and how far the name has been given to it.
    let mut star: Option<(usize, usize)> = None;
    while from < name.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, from));
                at += 1;
            }
            Some(c) if *c == '?' || *c == name[from] => {
                at += 1;
                from += 1;
            }
            _ => match star {
                Some((place, taken)) => {
                    star = Some((place, taken + 1));
                    (at, from) = (place + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|c| *c == '*')
}

/// The files to be read, the newest first.
fn choose(mut found: Vec<Found>, pick: PickFiles) -> Vec<Found> {
    found.sort_by(|a, b| (b.stamp.changed, &b.path).cmp(&(a.stamp.changed, &a.path)));
    if pick == PickFiles::Newest {
        found.truncate(1);
    }
    found
}

/// The files that a path means: itself, or those that fit it.
pub(super) fn find(path: &str, pick: PickFiles) -> Result<Vec<Found>, Failure> {
    let whole = Path::new(path);
    let pattern = whole.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if !pattern.contains(['*', '?']) {
        return Ok(vec![look(whole)?]);
    }
    let folder = whole.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| unreadable(folder, &error))? {
        let entry = entry.map_err(|error| unreadable(folder, &error))?;
        if !fits(&pattern, &entry.file_name().to_string_lossy()) {
            continue;
        }
        // One that has gone since it was listed is not meant any more.
        let Ok(metadata) = fs::metadata(entry.path()) else { continue };
        if metadata.is_file() {
            found.push(Found { path: entry.path(), stamp: Stamp::from(&metadata) });
        }
        if found.len() > MAX_FILES {
            let detail = format!(
                "more than {MAX_FILES} files fit {path}; tidy the folder, or set where sent files go"
            );
            return Err(Failure::new(ErrorCode::SourceMalformed, detail));
        }
    }
    if found.is_empty() {
        let detail = format!("no file fits {path}; has the export run, and is the path right?");
        return Err(Failure::new(ErrorCode::SourceMissing, detail));
    }
    Ok(choose(found, pick))
}

/// The file as it is now.
pub(super) fn look(path: &Path) -> Result<Found, Failure> {
    let metadata = fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    if metadata.is_file() {
        Ok(Found { path: path.to_owned(), stamp: Stamp::from(&metadata) })
    } else {
        Err(Failure::new(ErrorCode::SourceUnreadable, format!("{} is not a file", path.display())))
    }
}

/// How long a file must still be watched before it has stood still for so long; `None` is: long enough.
pub(super) fn unsettled(stamp: Stamp, settled: Duration, now: SystemTime) -> Option<Duration> {
    // A time in the future says nothing, and is watched for the whole of it.
    let age = stamp.changed.and_then(|changed| now.duration_since(changed).ok());
    match age {
        Some(age) if age >= settled => None,
        Some(age) => Some(settled - age),
        None => Some(settled),
    }
}

/// Waits until the files stand still.
pub(super) async fn settle(found: &[Found], settled: Duration) -> Result<(), Failure> {
    let now = SystemTime::now();
    let moving: Vec<_> =
        found.iter().filter_map(|file| Some((file, unsettled(file.stamp, settled, now)?))).collect();
    let Some(longest) = moving.iter().map(|(_, wait)| *wait).max() else { return Ok(()) };
    if let Some((file, _)) = moving.iter().find(|(_, wait)| *wait > WATCHED) {
        return Err(changing(&file.path));
    }
    tokio::time::sleep(longest).await;
    for (file, _) in moving {
        let path = file.path.clone();
        let now = tokio::task::spawn_blocking(move || look(&path)).await;
        let now =
            now.map_err(|error| Failure::new(ErrorCode::Internal, format!("looking broke off: {error}")))??;
        if now != *file {
            return Err(changing(&file.path));
        }
    }
    Ok(())
}

pub(super) fn changing(path: &Path) -> Failure {
    let detail = format!("{} is still being written; run the job when the export is done", path.display());
    Failure::new(ErrorCode::SourceChanging, detail)
}

pub(super) fn unreadable(path: &Path, error: &io::Error) -> Failure {
    let shown = path.display();
    // The writer of a file on Windows may have locked others out.
    const SHARING_VIOLATION: i32 = 32;
    if error.kind() == io::ErrorKind::NotFound {
        let detail = format!("there is no file {shown}; has the export run, and is the path right?");
        Failure::new(ErrorCode::SourceMissing, detail)
    } else if cfg!(windows) && error.raw_os_error() == Some(SHARING_VIOLATION) {
        changing(path)
    } else {
        Failure::new(ErrorCode::SourceUnreadable, format!("{shown} could not be read: {error}"))
    }
}

/// Moves files that were sent out of the way of the next run.
pub(super) struct Archive {
    pub(super) files: Vec<Found>,
    /// A relative one lies beside the files.
    pub(super) folder: PathBuf,
}

impl Afterwards for Archive {
    fn succeeded(self: Box<Self>) -> BoxFuture<'static, Vec<String>> {
        async move {
            let folder = self.folder.display().to_string();
            let done = disk::off_thread(move || {
                Ok(self.files.iter().filter_map(|file| self.put_away(file).err()).collect())
            });
            done.await.unwrap_or_else(|error| vec![format!("nothing was moved to {folder}: {error}")])
        }
        .boxed()
    }
}

impl Archive {
    fn put_away(&self, file: &Found) -> Result<(), String> {
        let name = file.name();
        let folder = file.path.parent().unwrap_or(Path::new(".")).join(&self.folder);
        let shown = folder.display().to_string();
        let failed = |error: io::Error| {
            format!("{name} was sent, but could not be moved to {shown}: {error}; it will be sent again")
        };
        if look(&file.path).ok().as_ref() != Some(file) {
            return Err(format!("{name} was written again after it was sent; it is left for the next run"));
        }
        fs::create_dir_all(&folder).map_err(failed)?;
        let mut target = folder.join(&name);
        if target.exists() {
            target = folder.join(format!("{}-{name}", Timestamp::now().0));
        }
        match fs::rename(&file.path, &target) {
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                fs::copy(&file.path, &target).and_then(|_| fs::remove_file(&file.path)).map_err(failed)
            }
            done => done.map_err(failed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_as_people_write_them() {
        for (pattern, name, expected) in [
            ("*.csv", "items.csv", true),
            ("*.csv", "items.csv.tmp", false),
            ("items-????.csv", "items-2026.csv", true),
            ("items-????.csv", "items-26.csv", false),
            ("*", "", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("Prüf?.csv", "Prüfü.csv", true),
            ("ITEMS*", "items.csv", false),
            ("*[1].csv", "x[1].csv", true),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn a_long_name_does_not_take_long() {
        let (pattern, name) = (format!("{}b", "*a".repeat(30)), "a".repeat(255));
        assert!(!fits(&pattern, &name));
    }

    #[test]
    fn a_file_has_to_stand_still_for_the_whole_time() {
        let now = SystemTime::now();
        let settled = Duration::from_secs(30);
        let stamp = |changed| Stamp { size: 1, changed };
        for (changed, wait) in [
            (Some(now - Duration::from_secs(30)), None),
            (Some(now - Duration::from_secs(20)), Some(10)),
            (Some(now + Duration::from_secs(99)), Some(30)),
            (None, Some(30)),
        ] {
            assert_eq!(unsettled(stamp(changed), settled, now).map(|wait| wait.as_secs()), wait);
        }
    }

    #[tokio::test]
    async fn what_was_written_again_is_not_put_away() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("items.csv");
        fs::write(&path, "sent").unwrap();
        let files = vec![look(&path).unwrap()];
        fs::write(&path, "written again").unwrap();
        let notes = Box::new(Archive { files, folder: "done".into() }).succeeded().await;
        assert!(notes[0].contains("left for the next run"), "{notes:?}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "written again");
    }

    #[test]
    fn the_newest_first_and_names_decide_a_draw() {
        let now = SystemTime::now();
        let file = |name: &str, age: u64| Found {
            path: name.into(),
            stamp: Stamp { size: 1, changed: Some(now - Duration::from_secs(age)) },
        };
        let found = vec![file("a", 9), file("b", 3), file("c", 9)];
        let names = |pick| choose(found.clone(), pick).iter().map(Found::name).collect::<Vec<_>>();
        assert_eq!(names(PickFiles::All), ["b", "c", "a"]);
        assert_eq!(names(PickFiles::Newest), ["b"]);
    }
}
