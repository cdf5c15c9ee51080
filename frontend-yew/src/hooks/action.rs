//! Something the person asks for: busy while it lasts, told when it fails, once at a time.

use std::future::Future;
use std::rc::Rc;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

use super::page::use_console;
use crate::api::ApiError;
use crate::context::Console;

/// An action and whether it is under way.
#[derive(Clone, PartialEq)]
pub struct Action<A: 'static> {
    pub busy: bool,
    pub run: Callback<A>,
}

/// `work` does it; a failure becomes a notice.
#[hook]
pub fn use_action<A, F, W>(work: W) -> Action<A>
where
    A: 'static,
    F: Future<Output = Result<(), ApiError>> + 'static,
    W: Fn(A) -> F + 'static,
{
    let console = use_console();
    let busy = use_state_eq(|| false);
    let work = Rc::new(work);
    let run = {
        let busy = busy.clone();
        Callback::from(move |argument: A| {
            if *busy {
                return;
            }
            busy.set(true);
            perform(console.clone(), busy.clone(), work(argument).boxed_local());
        })
    };
    Action { busy: *busy, run }
}

/// Apart from what differs between actions, so that it stands once in the program.
fn perform(
    console: Console,
    busy: UseStateHandle<bool>,
    work: LocalBoxFuture<'static, Result<(), ApiError>>,
) {
    spawn_local(async move {
        if let Err(error) = work.await {
            console.failed(&error);
        }
        busy.set(false);
    });
}
