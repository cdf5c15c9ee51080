//! A store in memory with the real one's rules (fence, versions, unique names) and faults to switch on.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use futures_util::future::BoxFuture;
use messages::ids::SpoolId;
use messages::run::{LogLine, Reject};
use messages::version::Epoch;
use messages::{RetailerId, RunId, Version};
use tokio::sync::watch;

use crate::domain::{EntityId, Image, Receipt, Run, Write};
use crate::ports::{StoreError, TenantStore};
use crate::retailer::state::State as Documents;

/// How the next commit fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Unavailable,
    /// The answer is lost after the commit.
    UnknownCommitted,
    /// The connection breaks before the commit.
    UnknownLost,
}

#[derive(Default)]
struct Tenant {
    epoch: Epoch,
    documents: Documents,
    runs: BTreeMap<RunId, Run>,
}

#[derive(Default)]
struct Inner {
    tenants: HashMap<RetailerId, Tenant>,
    /// Codes of stores that somebody else has.
    taken: HashSet<String>,
    faults: VecDeque<Fault>,
    stream_faults: u32,
    take_faults: VecDeque<StoreError>,
    /// Writes of each commit, in order.
    commits: Vec<(Version, Vec<Write>)>,
    takes: usize,
    begun: usize,
    lines: BTreeMap<(SpoolId, u64), LogLine>,
    rejects: BTreeMap<(RunId, u64), Reject>,
}

pub(crate) struct FakeStore {
    inner: Mutex<Inner>,
    held: watch::Sender<bool>,
}

impl FakeStore {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { inner: Mutex::default(), held: watch::Sender::new(false) })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    /// Commits that begin from now on wait for [`FakeStore::release`].
    pub(crate) fn hold(&self) {
        self.held.send_replace(true);
    }

    pub(crate) fn release(&self) {
        self.held.send_replace(false);
    }

    pub(crate) fn fail_next(&self, fault: Fault) {
        self.lock().faults.push_back(fault);
    }

    pub(crate) fn fail_take(&self, error: StoreError) {
        self.lock().take_faults.push_back(error);
    }

    /// The next log or reject write fails.
    pub(crate) fn fail_next_stream(&self) {
        self.lock().stream_faults += 1;
    }

    pub(crate) fn take_name(&self, code: &str) {
        self.lock().taken.insert(code.into());
    }

    /// Another node takes the retailer.
    pub(crate) fn usurp(&self, retailer: RetailerId, epoch: Epoch) {
        self.lock().tenants.entry(retailer).or_default().epoch = epoch;
    }

    /// Commits that have reached the store, held ones included.
    pub(crate) fn begun(&self) -> usize {
        self.lock().begun
    }

    pub(crate) fn takes(&self) -> usize {
        self.lock().takes
    }

    /// Number of writes of each commit.
    pub(crate) fn commits(&self) -> Vec<usize> {
        self.lock().commits.iter().map(|(_, writes)| writes.len()).collect()
    }

    pub(crate) fn versions(&self) -> Vec<u64> {
        self.lock().commits.iter().map(|(version, _)| version.0).collect()
    }

    pub(crate) fn documents(&self, retailer: RetailerId) -> Documents {
        self.lock().tenants.get(&retailer).map(|tenant| tenant.documents.clone()).unwrap_or_default()
    }

    pub(crate) fn store_codes(&self, retailer: RetailerId) -> Vec<String> {
        let mut codes: Vec<_> =
            self.documents(retailer).stores.values().map(|store| store.spec.code.clone()).collect();
        codes.sort();
        codes
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.lock().lines.values().map(|line| line.text.clone()).collect()
    }

    /// A run that was made before.
    pub(crate) fn put_run(&self, retailer: RetailerId, run: Run) {
        self.lock().tenants.entry(retailer).or_default().runs.insert(run.id, run);
    }

    pub(crate) fn rejects(&self) -> Vec<Reject> {
        self.lock().rejects.values().cloned().collect()
    }
}

impl Inner {
    fn commit(
        &mut self,
        retailer: RetailerId,
        epoch: Epoch,
        expected: Version,
        writes: &[Write],
    ) -> Result<(), StoreError> {
        let fault = self.faults.pop_front();
        match fault {
            Some(Fault::Unavailable) => return Err(StoreError::Unavailable("switched off".into())),
            Some(Fault::UnknownLost) => return Err(StoreError::Unknown("broken before".into())),
            Some(Fault::UnknownCommitted) | None => {}
        }
        for write in writes {
            if let Write::Store(store) = write
                && self.taken.contains(&store.spec.code)
            {
                return Err(StoreError::Taken { field: "code", value: store.spec.code.clone() });
            }
        }
        let tenant = self.tenants.entry(retailer).or_default();
        if tenant.epoch != epoch || tenant.documents.version.next() != expected {
            return Err(StoreError::Fenced);
        }
        for write in writes {
            tenant.documents.apply(write);
            if let Write::Run(run) = write {
                tenant.runs.insert(run.id, run.clone());
            }
        }
        tenant.documents.version = expected;
        self.commits.push((expected, writes.to_vec()));
        if fault.is_some() { Err(StoreError::Unknown("broken after".into())) } else { Ok(()) }
    }

    fn image(&mut self, retailer: RetailerId, epoch: Epoch) -> Result<Image, StoreError> {
        self.takes += 1;
        if let Some(error) = self.take_faults.pop_front() {
            return Err(error);
        }
        let tenant = self.tenants.entry(retailer).or_default();
        if tenant.epoch > epoch {
            return Err(StoreError::Fenced);
        }
        tenant.epoch = epoch;
        let documents = &tenant.documents;
        let receipt = |(key, (made, at)): (&String, &(EntityId, messages::Timestamp))| Receipt {
            key: key.clone(),
            made: *made,
            at: *at,
        };
        Ok(Image {
            version: documents.version,
            retailer: documents.retailer.as_deref().cloned(),
            stores: documents.stores.values().map(|x| (**x).clone()).collect(),
            agents: documents.agents.values().map(|x| (**x).clone()).collect(),
            destinations: documents.destinations.values().map(|x| (**x).clone()).collect(),
            jobs: documents.jobs.values().map(|x| (**x).clone()).collect(),
            runs: documents.runs.values().map(|x| (**x).clone()).collect(),
            receipts: documents.receipts.iter().map(receipt).collect(),
        })
    }

    fn stream(&mut self) -> Result<(), StoreError> {
        if self.stream_faults > 0 {
            self.stream_faults -= 1;
            return Err(StoreError::Unavailable("switched off".into()));
        }
        Ok(())
    }
}

impl TenantStore for FakeStore {
    fn take(&self, retailer: RetailerId, epoch: Epoch) -> BoxFuture<'_, Result<Image, StoreError>> {
        Box::pin(async move { self.lock().image(retailer, epoch) })
    }

    fn exists(&self, retailer: RetailerId) -> BoxFuture<'_, Result<bool, StoreError>> {
        Box::pin(async move { Ok(self.documents(retailer).retailer.is_some()) })
    }

    fn commit(
        &self,
        retailer: RetailerId,
        epoch: Epoch,
        expected: Version,
        writes: Arc<[Write]>,
    ) -> BoxFuture<'_, Result<(), StoreError>> {
        self.lock().begun += 1;
        let mut held = self.held.subscribe();
        Box::pin(async move {
            held.wait_for(|held| !held).await.unwrap();
            self.lock().commit(retailer, epoch, expected, &writes)
        })
    }

    fn append_logs(
        &self,
        _: RetailerId,
        spool: SpoolId,
        lines: Vec<LogLine>,
    ) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let mut inner = self.lock();
            inner.stream()?;
            for line in lines {
                inner.lines.entry((spool, line.seq)).or_insert(line);
            }
            Ok(())
        })
    }

    fn append_rejects(&self, _: RetailerId, rejects: Vec<Reject>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let mut inner = self.lock();
            inner.stream()?;
            inner.rejects.extend(rejects.into_iter().map(|reject| ((reject.run_id, reject.row), reject)));
            Ok(())
        })
    }

    fn count_rejects(&self, _: RetailerId, run: RunId) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(async move {
            Ok(self.lock().rejects.values().filter(|reject| reject.run_id == run).count() as u64)
        })
    }

    fn latest_logs(
        &self,
        _: RetailerId,
        run: RunId,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<LogLine>, StoreError>> {
        Box::pin(async move {
            let lines: Vec<_> =
                self.lock().lines.values().filter(|line| line.run_id == run).cloned().collect();
            let skipped = lines.len().saturating_sub(limit as usize);
            Ok(lines.into_iter().skip(skipped).collect())
        })
    }

    fn run(&self, retailer: RetailerId, run: RunId) -> BoxFuture<'_, Result<Option<Run>, StoreError>> {
        Box::pin(async move {
            Ok(self.lock().tenants.get(&retailer).and_then(|tenant| tenant.runs.get(&run).cloned()))
        })
    }
}
