//! The SFTP connector: uploads beside the final name, compares the size, renames.

use std::io;
use std::time::SystemTime;

use futures_util::FutureExt as _;
use messages::connector::{Credentials, SftpDestination};

use super::faults;
use super::session::Session;
use super::upload::Upload;
use crate::connector::file_sink::FileSink;
use crate::connector::{Answer, DestinationConnector, ForRun, ItemSink};

pub struct SftpConnector {
    config: SftpDestination,
    credentials: Option<Credentials>,
}

impl SftpConnector {
    #[must_use]
    pub const fn new(config: SftpDestination, credentials: Option<Credentials>) -> Self {
        Self { config, credentials }
    }
}

impl DestinationConnector for SftpConnector {
    fn check(&self) -> Answer<'_, String> {
        async move {
            let session = Session::open(&self.config, self.credentials.as_ref()).await?;
            session.close().await;
            Ok(format!("{} accepts the login of \"{}\"", self.config.host, self.config.user))
        }
        .boxed()
    }

    fn open<'a>(&'a self, run: &'a ForRun) -> Answer<'a, Box<dyn ItemSink>> {
        async move {
            let session = Session::open(&self.config, self.credentials.as_ref()).await?;
            session.make_folders().await?;
            clear(&session, &self.config.path, run).await;
            let (folder, name) = faults::split(&self.config.path);
            // Of the same name in each attempt, so that the rest of an earlier one is overwritten.
            let temp = format!("{folder}{}", run.temp_name(name));
            let what = format!("making the file {temp}");
            let file = match session.files.create(&temp).await {
                Ok(file) => file,
                Err(error) => {
                    let full = session.is_full().await;
                    let error = io::Error::from(error);
                    return Err(faults::writing(&self.config, &what, &error, full));
                }
            };
            let upload = Upload::new(self.config.clone(), self.credentials.clone(), session, temp, file);
            Ok(Box::new(FileSink::new(upload, self.config.format)) as Box<dyn ItemSink>)
        }
        .boxed()
    }
}

/// Takes away what runs left behind that nobody will finish. Not worth a failure: who may write into a folder
/// need not have the right to list it.
async fn clear(session: &Session, path: &str, run: &ForRun) {
    let (folder, name) = faults::split(path);
    let listed = session.files.read_dir(if folder.is_empty() { "." } else { folder }).await;
    let Ok(found) = listed else { return };
    let now = SystemTime::now();
    for file in found {
        let found = file.file_name();
        let changed = file.metadata().modified().ok();
        if run.is_left_over(&found, name, changed, now)
            && let Err(error) = session.files.remove_file(format!("{folder}{found}")).await
        {
            tracing::warn!(path, found, %error, "the rest of an earlier run could not be removed");
        }
    }
}
