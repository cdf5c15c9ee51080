//! A field that nobody types into: it holds what something else is edited as, and tells the form around of each change, as
//! fields in which one types do by themselves.

use web_sys::{HtmlInputElement, InputEvent, InputEventInit};
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub struct Props {
    pub name: AttrValue,
    pub value: AttrValue,
}

part!(pub HiddenField(Props) kept by use_hidden_field);

#[hook]
fn use_hidden_field(props: &Props) -> Html {
    let node = use_node_ref();
    let first = use_mut_ref(|| true);
    {
        let node = node.clone();
        use_effect_with(props.value.clone(), move |_| {
            if std::mem::replace(&mut *first.borrow_mut(), false) {
                return;
            }
            let bubbles = InputEventInit::new();
            bubbles.set_bubbles(true);
            let event = InputEvent::new_with_event_init_dict("input", &bubbles);
            if let (Some(input), Ok(event)) = (node.cast::<HtmlInputElement>(), event) {
                // Nobody can refuse it.
                input.dispatch_event(&event).ok();
            }
        });
    }
    html! { <input ref={node} type="hidden" name={props.name.clone()} value={props.value.clone()} /> }
}
