//! The browser's own services behind small functions, so that nothing else touches `window`.
//! Where a service is missing (no storage, no clipboard on plain http) the answer says so and nothing breaks.

use js_sys::{Date, Math, Reflect};
use messages::Timestamp;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    Blob, BlobPropertyBag, Document, Element, HtmlAnchorElement, HtmlDocument, HtmlElement,
    HtmlTextAreaElement, Storage, Url,
};

#[must_use]
pub fn now_ms() -> f64 {
    Date::now()
}

#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "milliseconds since 1970 fit into 53 bits")]
pub fn now() -> Timestamp {
    Timestamp(Date::now() as i64)
}

/// A number between 0 and 1 for jitter; nothing secret is made of it.
#[must_use]
pub fn jitter() -> f64 {
    Math::random()
}

/// Minutes east of UTC, here, at that time.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "an offset is at most 14 hours"
)]
pub fn offset_min(at: Timestamp) -> i32 {
    let date = Date::new(&JsValue::from_f64(at.0 as f64));
    -(date.get_timezone_offset() as i32)
}

/// IANA name of the zone the person sits in.
#[must_use]
pub fn time_zone() -> Option<String> {
    let intl = Reflect::get(&js_sys::global(), &"Intl".into()).ok()?;
    let format = Reflect::get(&intl, &"DateTimeFormat".into()).ok()?.dyn_into::<js_sys::Function>().ok()?;
    let format = format.call0(&intl).ok()?;
    let resolved =
        Reflect::get(&format, &"resolvedOptions".into()).ok()?.dyn_into::<js_sys::Function>().ok()?;
    let options = resolved.call0(&format).ok()?;
    Reflect::get(&options, &"timeZone".into()).ok()?.as_string()
}

/// A key that no other request has: 128 random bits, also where pages are served without TLS.
#[must_use]
pub fn random_key() -> String {
    let mut bytes = [0_u8; 16];
    if let Some(Ok(crypto)) = web_sys::window().map(|window| window.crypto()) {
        // Without random bytes the time below still tells requests of one page apart.
        crypto.get_random_values_with_u8_array(&mut bytes).ok();
    }
    let random: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("console-{random}-{}", now().0)
}

#[must_use]
pub fn document() -> Option<Document> {
    web_sys::window()?.document()
}

pub fn set_title(title: &str) {
    if let Some(document) = document() {
        document.set_title(title);
    }
}

/// Moves the focus to the element with this id.
pub fn focus(id: &str) {
    if let Some(element) = document().and_then(|d| d.get_element_by_id(id)) {
        focus_element(&element);
    }
}

pub fn focus_element(element: &Element) {
    if let Some(element) = element.dyn_ref::<HtmlElement>() {
        // An element that cannot take the focus leaves it where it is, which is harmless.
        element.focus().ok();
    }
}

#[must_use]
pub fn focused() -> Option<Element> {
    document()?.active_element()
}

fn storage() -> Option<Storage> {
    web_sys::window()?.local_storage().ok()?
}

#[must_use]
pub fn remembered(key: &str) -> Option<String> {
    storage()?.get_item(key).ok()?
}

/// Keeps a value, or forgets it. A full or forbidden storage only means that the page does not remember.
pub fn remember(key: &str, value: Option<&str>) {
    if let Some(storage) = storage() {
        match value {
            Some(value) => storage.set_item(key, value).ok(),
            None => storage.remove_item(key).ok(),
        };
    }
}

pub fn reload() {
    if let Some(window) = web_sys::window() {
        window.location().reload().ok();
    }
}

/// Address of the live socket, next to the page.
#[must_use]
pub fn socket_url(path: &str) -> Option<String> {
    let location = web_sys::window()?.location();
    let scheme = if location.protocol().ok()? == "https:" { "wss" } else { "ws" };
    Some(format!("{scheme}://{}{path}", location.host().ok()?))
}

/// Is the page in sight, and not in a tab behind others?
#[must_use]
pub fn is_seen() -> bool {
    document().is_none_or(|document| !document.hidden())
}

#[must_use]
pub fn is_online() -> bool {
    web_sys::window().is_none_or(|window| window.navigator().on_line())
}

/// Puts text on the clipboard; false where the browser does not let us.
pub async fn copy(text: &str) -> bool {
    let Some(window) = web_sys::window() else { return false };
    // Absent on pages that are served without TLS.
    let present = Reflect::get(&window.navigator(), &"clipboard".into()).is_ok_and(|value| value.is_object());
    if present && JsFuture::from(window.navigator().clipboard().write_text(text)).await.is_ok() {
        return true;
    }
    copy_by_selection(text).unwrap_or(false)
}

fn copy_by_selection(text: &str) -> Option<bool> {
    let document = document()?;
    // Inside an open dialog, for the rest of the page cannot take the focus then.
    let host = document.query_selector("dialog[open]").ok()?.or_else(|| document.body().map(Into::into))?;
    let area: HtmlTextAreaElement = document.create_element("textarea").ok()?.dyn_into().ok()?;
    area.set_value(text);
    area.set_class_name("visually-hidden");
    host.append_child(&area).ok()?;
    area.select();
    let done = document.dyn_ref::<HtmlDocument>()?.exec_command("copy").unwrap_or(false);
    area.remove();
    Some(done)
}

/// Offers text as a file.
pub fn download(name: &str, mime: &str, text: &str) -> Option<()> {
    let options = BlobPropertyBag::new();
    options.set_type(mime);
    let parts = js_sys::Array::of1(&text.into());
    let blob = Blob::new_with_str_sequence_and_options(&parts, &options).ok()?;
    let url = Url::create_object_url_with_blob(&blob).ok()?;
    let link: HtmlAnchorElement = document()?.create_element("a").ok()?.dyn_into().ok()?;
    link.set_href(&url);
    link.set_download(name);
    link.click();
    Url::revoke_object_url(&url).ok()
}

/// Light, dark or as the system has it: an attribute that the style sheet reads.
pub fn set_theme(theme: Option<&str>) {
    if let Some(root) = document().and_then(|d| d.document_element()) {
        match theme {
            Some(theme) => root.set_attribute("data-theme", theme).ok(),
            None => root.remove_attribute("data-theme").ok(),
        };
    }
}

/// Scrolls an element's content to its end.
pub fn scroll_to_end(element: &Element) {
    element.set_scroll_top(element.scroll_height());
}

/// Is the reader at the end, give or take a line?
#[must_use]
pub fn at_end(element: &Element) -> bool {
    element.scroll_height() - element.scroll_top() - element.client_height() < 32
}

/// Closes an open popover by id.
pub fn hide_popover(id: &str) {
    if let Some(element) = document().and_then(|d| d.get_element_by_id(id))
        && let Some(element) = element.dyn_ref::<HtmlElement>()
    {
        // Closing a closed one is an error that does not matter.
        element.hide_popover().ok();
    }
}
