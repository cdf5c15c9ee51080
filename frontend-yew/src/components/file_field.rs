//! A field for a file with text in it.

use wasm_bindgen::JsCast;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::HtmlInputElement;
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub struct Props {
    pub label: AttrValue,
    /// Kinds that the browser offers first, such as `.json`.
    pub accept: AttrValue,
    /// Larger ones are not read.
    pub most_bytes: u32,
    /// Its text, or what is wrong with it.
    pub on_read: Callback<Result<String, String>>,
    #[prop_or_default]
    pub fault: Option<AttrValue>,
    #[prop_or_default]
    pub testid: Option<AttrValue>,
}

part!(pub FileField(Props) drawn by draw_file_field);

fn draw_file_field(props: &Props) -> Html {
    let (told, most) = (props.on_read.clone(), props.most_bytes);
    let onchange = Callback::from(move |event: Event| {
        let input: HtmlInputElement = event.target_unchecked_into();
        let Some(file) = input.files().and_then(|files| files.get(0)) else { return };
        let told = told.clone();
        if file.size() > f64::from(most) {
            told.emit(Err(format!("The file has more than {} KiB.", most / 1_024)));
            return;
        }
        spawn_local(async move {
            let text = JsFuture::from(file.unchecked_into::<web_sys::Blob>().text()).await;
            let text = text.ok().and_then(|text| text.as_string());
            told.emit(text.ok_or_else(|| "The browser could not read the file.".to_owned()));
        });
    });
    html! {
        <div class="field">
            <label for="f-file">{ &props.label }</label>
            <input id="f-file" type="file" accept={props.accept.clone()} {onchange} aria-invalid={props.fault.is_some().then_some("true")} aria-describedby={props.fault.is_some().then_some("f-file-fault")} data-testid={props.testid.clone()} />
            if let Some(fault) = &props.fault {
                <p class="fault" id="f-file-fault" role="alert">{ fault }</p>
            }
        </div>
    }
}
