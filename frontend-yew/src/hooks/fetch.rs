//! A question to the hub: asked when its key changes, asked again on demand, its last answer kept meanwhile.

use std::any::Any;
use std::future::Future;
use std::rc::Rc;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

use crate::api::ApiError;

/// What is known.
#[derive(Debug)]
pub struct Fetched<T> {
    pub data: Option<Rc<T>>,
    pub error: Option<ApiError>,
    pub loading: bool,
    /// Asks again.
    pub reload: Callback<()>,
}

/// An answer whose type is forgotten: the machinery below stands once in the program.
type Answer = Result<Rc<dyn Any>, ApiError>;
type Question = Rc<dyn Fn() -> LocalBoxFuture<'static, Answer>>;

#[derive(Default)]
struct Known {
    data: Option<Rc<dyn Any>>,
    error: Option<ApiError>,
    loading: bool,
    /// Which wording of the question the answer belongs to.
    wording: u32,
    /// Number of the question; answers to earlier ones are void.
    asked: u32,
}

/// Asks `ask(key)` on mount and whenever `key` changes. `round` asks again without hiding what is shown.
#[hook]
pub fn use_fetch<K, T, F, A>(key: K, round: u32, ask: A) -> Fetched<T>
where
    K: PartialEq + Clone + 'static,
    T: 'static,
    F: Future<Output = Result<T, ApiError>> + 'static,
    A: Fn(K) -> F + 'static,
{
    let wordings = use_mut_ref(|| (None::<K>, 0_u32));
    let wording = {
        let mut last = wordings.borrow_mut();
        if last.0.as_ref() != Some(&key) {
            *last = (Some(key.clone()), last.1.wrapping_add(1));
        }
        last.1
    };
    let ask: Question = Rc::new(move || {
        let answer = ask(key.clone());
        async move { answer.await.map(|data| Rc::new(data) as Rc<dyn Any>) }.boxed_local()
    });
    let (data, error, loading, reload) = use_question(wording, round, ask);
    Fetched { data: data.and_then(|data| data.downcast().ok()), error, loading, reload }
}

#[hook]
fn use_question(
    wording: u32,
    round: u32,
    ask: Question,
) -> (Option<Rc<dyn Any>>, Option<ApiError>, bool, Callback<()>) {
    let known = use_mut_ref(|| Known { loading: true, ..Known::default() });
    let update = use_force_update();
    let start: Rc<dyn Fn()> = {
        let (known, update) = (known.clone(), update.clone());
        Rc::new(move || {
            let asked = {
                let mut known = known.borrow_mut();
                known.asked = known.asked.wrapping_add(1);
                known.loading = true;
                known.asked
            };
            update.force_update();
            let (known, update, answer) = (known.clone(), update.clone(), ask());
            spawn_local(async move {
                let answer = answer.await;
                let mut known = known.borrow_mut();
                if known.asked != asked {
                    return;
                }
                known.loading = false;
                known.wording = wording;
                match answer {
                    Ok(data) => {
                        known.data = Some(data);
                        known.error = None;
                    }
                    Err(error) => known.error = Some(error),
                }
                drop(known);
                update.force_update();
            });
        })
    };
    {
        let (start, known) = (start.clone(), known.clone());
        use_effect_with((wording, round), move |_| {
            start();
            // An answer that comes after the page has gone is void.
            move || {
                let mut known = known.borrow_mut();
                known.asked = known.asked.wrapping_add(1);
            }
        });
    }
    let known = known.borrow();
    let loading = known.loading || known.wording != wording;
    (known.data.clone(), known.error.clone(), loading, Callback::from(move |()| start()))
}
