//! A question to the hub: asked when its key changes, asked again on demand, its last answer kept meanwhile.

use std::future::Future;
use std::rc::Rc;

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

impl<T> Clone for Fetched<T> {
    fn clone(&self) -> Self {
        Self { data: self.data.clone(), error: self.error.clone(), loading: self.loading, reload: self.reload.clone() }
    }
}

impl<T: PartialEq> PartialEq for Fetched<T> {
    fn eq(&self, other: &Self) -> bool {
        self.data == other.data && self.error == other.error && self.loading == other.loading
    }
}

/// The answer so far, and the key it answers.
struct Known<K, T> {
    key: Option<K>,
    data: Option<Rc<T>>,
    error: Option<ApiError>,
    loading: bool,
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
    let known = use_mut_ref(|| Known::<K, T> { key: None, data: None, error: None, loading: true, asked: 0 });
    let update = use_force_update();
    let ask = Rc::new(ask);
    let start = {
        let (known, update) = (known.clone(), update.clone());
        Rc::new(move |key: K| {
            let asked = {
                let mut known = known.borrow_mut();
                known.asked = known.asked.wrapping_add(1);
                known.loading = true;
                known.asked
            };
            let (known, update, future) = (known.clone(), update.clone(), ask(key.clone()));
            spawn_local(async move {
                let result = future.await;
                let mut known = known.borrow_mut();
                if known.asked != asked {
                    return;
                }
                known.loading = false;
                known.key = Some(key);
                match result {
                    Ok(data) => {
                        known.data = Some(Rc::new(data));
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
        let (start, update, known) = (start.clone(), update.clone(), known.clone());
        use_effect_with((key.clone(), round), move |(key, _)| {
            start(key.clone());
            update.force_update();
            // An answer that comes after the page has gone is void.
            move || known.borrow_mut().asked = u32::MAX
        });
    }
    let known = known.borrow();
    Fetched {
        data: known.data.clone(),
        error: known.error.clone(),
        loading: known.loading || known.key.as_ref() != Some(&key),
        reload: {
            let (update, key) = (update.clone(), key.clone());
            Callback::from(move |()| {
                start(key.clone());
                update.force_update();
            })
        },
    }
}
