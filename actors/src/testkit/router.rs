//! A retailer that answers as scripted and remembers what it was asked.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use messages::{ErrorCode, Problem, RetailerId};
use tokio::sync::watch;

use crate::retailer::request::{Request, Response, Router};

type Script = Box<dyn FnMut(&Request) -> Option<Result<Response, Problem>> + Send>;

pub(crate) struct ScriptedRouter {
    script: Mutex<Script>,
    asked: Mutex<Vec<Request>>,
    held: watch::Sender<bool>,
}

impl ScriptedRouter {
    /// What the script leaves open is answered with success.
    pub(crate) fn new() -> Arc<Self> {
        let script: Script = Box::new(|_| None);
        Arc::new(Self {
            script: Mutex::new(script),
            asked: Mutex::default(),
            held: watch::Sender::new(false),
        })
    }

    pub(crate) fn script(
        &self,
        script: impl FnMut(&Request) -> Option<Result<Response, Problem>> + Send + 'static,
    ) {
        *self.script.lock().unwrap() = Box::new(script);
    }

    /// The next request that `matches` is refused with `code`.
    pub(crate) fn refuse_once(&self, code: ErrorCode, matches: impl Fn(&Request) -> bool + Send + 'static) {
        let mut done = false;
        self.script(move |request| {
            let refuse = !done && matches(request);
            done |= refuse;
            refuse.then(|| Err(code.into()))
        });
    }

    pub(crate) fn asked(&self) -> Vec<Request> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn count(&self, matches: impl Fn(&Request) -> bool) -> usize {
        self.asked.lock().unwrap().iter().filter(|request| matches(request)).count()
    }

    /// Answers wait for [`ScriptedRouter::release`].
    pub(crate) fn hold(&self) {
        self.held.send_replace(true);
    }

    pub(crate) fn release(&self) {
        self.held.send_replace(false);
    }
}

fn usual(request: &Request) -> Response {
    match request {
        Request::Attach { .. } => Response::Attached,
        Request::Reports { reports, .. } => {
            Response::Acknowledged { through: reports.last().map_or(0, |last| last.seq) }
        }
        _ => Response::Done,
    }
}

impl Router for ScriptedRouter {
    fn ask(&self, _: RetailerId, request: Request, _: Duration) -> BoxFuture<'_, Result<Response, Problem>> {
        self.asked.lock().unwrap().push(request.clone());
        let mut held = self.held.subscribe();
        Box::pin(async move {
            held.wait_for(|held| !held).await.unwrap();
            let answer = (self.script.lock().unwrap())(&request);
            answer.unwrap_or_else(|| Ok(usual(&request)))
        })
    }
}
