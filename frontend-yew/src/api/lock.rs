//! One lock for all tabs of this browser: two tabs that refresh at once would both spend the same refresh token,
//! and the hub would take the second for a thief. Where the browser has no locks, there is none.

use js_sys::{Function, Promise, Reflect};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

/// Held until dropped.
pub struct TabLock {
    release: Option<Function>,
}

impl Drop for TabLock {
    fn drop(&mut self) {
        if let Some(release) = &self.release {
            // Resolving a promise cannot fail.
            release.call0(&JsValue::NULL).ok();
        }
    }
}

/// Waits until no other tab holds the lock.
pub async fn hold(name: &str) -> TabLock {
    TabLock { release: request(name).await }
}

async fn request(name: &str) -> Option<Function> {
    let navigator = web_sys::window()?.navigator();
    let locks = Reflect::get(&navigator, &"locks".into()).ok().filter(JsValue::is_object)?;
    let request = Reflect::get(&locks, &"request".into()).ok()?.dyn_into::<Function>().ok()?;
    // The lock is ours while the promise that the callback returns is pending.
    let mut release = None;
    let held = Promise::new(&mut |resolve, _| release = Some(resolve));
    let mut granted = None;
    let waiting = Promise::new(&mut |resolve, _| granted = Some(resolve));
    let granted = granted?;
    let callback = Closure::once_into_js(move |_lock: JsValue| -> JsValue {
        granted.call0(&JsValue::NULL).ok();
        held.into()
    });
    request.call2(&locks, &name.into(), &callback).ok()?;
    JsFuture::from(waiting).await.ok()?;
    release
}
