//! A process and all its children, ended together: a process group on Unix, a job object on Windows.
//!
//! On Windows the process is put into its job when it has begun: a child that it makes in its first microseconds is not in it.
//! In return the job ends with the agent, however that ends.

use std::io;
#[cfg(unix)]
use std::sync::atomic::{AtomicBool, Ordering};
#[cfg(windows)]
use std::sync::{Mutex, PoisonError};

use tokio::process::Child;

/// See the module. Ends what is in it when it is dropped.
#[cfg(unix)]
pub(super) struct Group {
    id: Option<rustix::process::Pid>,
    /// Once is enough, and later the number may be somebody else's.
    killed: AtomicBool,
}

#[cfg(unix)]
impl Group {
    /// The group that the process was started in, as its first.
    #[expect(clippy::unnecessary_wraps, reason = "on the other system it can fail")]
    pub(super) fn of(child: &Child) -> io::Result<Self> {
        let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
        Ok(Self { id, killed: AtomicBool::new(false) })
    }

    pub(super) fn kill(&self) {
        let Some(id) = self.id.filter(|_| !self.killed.swap(true, Ordering::AcqRel)) else { return };
        // None of it is left when this fails.
        let _gone = rustix::process::kill_process_group(id, rustix::process::Signal::KILL);
    }
}

/// See the module. Ends what is in it when it is dropped.
#[cfg(windows)]
pub(super) struct Group {
    job: Mutex<Option<win32job::Job>>,
}

#[cfg(windows)]
impl Group {
    /// A job with the process in it, and with every process that it starts.
    pub(super) fn of(child: &Child) -> io::Result<Self> {
        let mut limits = win32job::ExtendedLimitInfo::new();
        limits.limit_kill_on_job_close();
        let job = win32job::Job::create_with_limit_info(&limits).map_err(io::Error::other)?;
        let handle = child.raw_handle().ok_or_else(|| io::Error::other("it has ended already"))?;
        job.assign_process(handle.expose_provenance().cast_signed()).map_err(io::Error::other)?;
        Ok(Self { job: Mutex::new(Some(job)) })
    }

    pub(super) fn kill(&self) {
        // Windows ends the whole job with its last handle.
        drop(self.job.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}
