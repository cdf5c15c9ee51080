//! Parts: what pages are built of, and the one component that carries all of them.
//!
//! A component of Yew brings its own copy of the machinery that mounts, updates and unmounts it: three to five
//! kilobytes for each of the ninety that this console would have, more than everything else together. So there is
//! one component, `Host`, and parts are functions: a *drawn* part is a plain function of its properties, a *kept*
//! part is a hook whose state the host keeps.
//!
//! ```ignore
//! part!(pub Badge(Props) drawn by draw_badge);
//! part!(pub Tabs(Props) kept by use_tabs);
//! html! { <p>{ draw!(Badge { word: "Online", hue }) }</p> }
//! ```

use std::any::{Any, TypeId};
use std::rc::Rc;

use yew::functional::{FunctionComponent, FunctionProvider, HookContext};
use yew::html::{BaseComponent, Context, HtmlResult};
use yew::prelude::*;
use yew::virtual_dom::{Key, VChild};

/// Something that can be drawn from its properties.
pub(crate) trait Part: 'static {
    type Props: PartialEq + 'static;

    fn draw(props: Self::Props, key: Option<Key>) -> Html;
}

/// Draws a kept part: `run` is its hook. For the macro below.
pub(crate) fn keep<P: Part>(
    props: P::Props,
    key: Option<Key>,
    run: fn(&P::Props, &mut HookContext) -> Html,
) -> Html {
    hosted(Rc::new(Held { kind: TypeId::of::<P>(), props, run }), key)
}

#[inline(never)]
fn hosted(part: Rc<dyn Kept>, key: Option<Key>) -> Html {
    VChild::<Host>::new(HostProps { part }, key).into()
}

/// A kept part whose kind is forgotten.
trait Kept {
    fn run(&self, context: &mut HookContext) -> Html;
    fn kind(&self) -> TypeId;
    fn as_any(&self) -> &dyn Any;
    fn same(&self, other: &dyn Kept) -> bool;
}

struct Held<T> {
    kind: TypeId,
    props: T,
    run: fn(&T, &mut HookContext) -> Html,
}

impl<T: PartialEq + 'static> Kept for Held<T> {
    fn run(&self, context: &mut HookContext) -> Html {
        (self.run)(&self.props, context)
    }

    fn kind(&self) -> TypeId {
        self.kind
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn same(&self, other: &dyn Kept) -> bool {
        let other = other.as_any().downcast_ref::<Self>();
        other.is_some_and(|other| self.kind == other.kind && self.props == other.props)
    }
}

#[derive(Properties, Clone)]
pub(crate) struct HostProps {
    part: Rc<dyn Kept>,
}

impl PartialEq for HostProps {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.part, &other.part) || self.part.same(other.part.as_ref())
    }
}

/// The one component: keeps the hooks' state of whatever part it is given.
pub(crate) struct Host {
    kept: FunctionComponent<Self>,
}

impl FunctionProvider for Host {
    type Properties = HostProps;

    fn run(context: &mut HookContext, props: &HostProps) -> HtmlResult {
        Ok(props.part.run(context))
    }
}

impl BaseComponent for Host {
    type Message = ();
    type Properties = HostProps;

    fn create(context: &Context<Self>) -> Self {
        Self { kept: FunctionComponent::new(context) }
    }

    fn update(&mut self, _context: &Context<Self>, (): ()) -> bool {
        true
    }

    fn changed(&mut self, context: &Context<Self>, old: &HostProps) -> bool {
        // Another kind of part at the same place: the state of the former one must not reach it.
        if context.props().part.kind() != old.part.kind() {
            self.kept.destroy();
            self.kept = FunctionComponent::new(context);
        }
        true
    }

    fn view(&self, context: &Context<Self>) -> HtmlResult {
        self.kept.render(context.props())
    }

    fn rendered(&mut self, _context: &Context<Self>, _first: bool) {
        self.kept.rendered();
    }

    fn destroy(&mut self, _context: &Context<Self>) {
        self.kept.destroy();
    }

    fn prepare_state(&self) -> Option<String> {
        self.kept.prepare_state()
    }
}

/// Declares a part by the function that draws it.
macro_rules! part {
    ($vis:vis $name:ident $(($props:ty))? drawn by $draw:ident) => {
        $vis struct $name;

        impl $crate::part::Part for $name {
            type Props = part!(@props $($props)?);

            // Once in the program, not once at every place where it is used.
            #[inline(never)]
            fn draw(props: Self::Props, _key: Option<::yew::virtual_dom::Key>) -> ::yew::Html {
                part!(@call $draw, &props, $($props)?)
            }
        }
    };
    ($vis:vis $name:ident $(($props:ty))? kept by $hook:ident) => {
        $vis struct $name;

        impl $crate::part::Part for $name {
            type Props = part!(@props $($props)?);

            #[inline(never)]
            fn draw(props: Self::Props, key: Option<::yew::virtual_dom::Key>) -> ::yew::Html {
                fn run(
                    _props: &part!(@props $($props)?),
                    context: &mut ::yew::functional::HookContext,
                ) -> ::yew::Html {
                    ::yew::functional::Hook::run(part!(@call $hook, _props, $($props)?), context)
                }
                $crate::part::keep::<Self>(props, key, run)
            }
        }
    };
    (@props) => { () };
    (@props $props:ty) => { $props };
    (@call $function:ident, $value:expr,) => { $function() };
    (@call $function:ident, $value:expr, $props:ty) => { $function($value) };
}

/// Draws a part with its properties, which are checked as in `html!`.
macro_rules! draw {
    (key = $key:expr; $part:ty { $($fields:tt)* }) => {
        <$part as $crate::part::Part>::draw(
            ::yew::props!(<$part as $crate::part::Part>::Props { $($fields)* }),
            Some(::yew::virtual_dom::Key::from($key)),
        )
    };
    ($part:ty { $($fields:tt)* }) => {
        <$part as $crate::part::Part>::draw(::yew::props!(<$part as $crate::part::Part>::Props { $($fields)* }), None)
    };
    ($part:ty) => {
        <$part as $crate::part::Part>::draw((), None)
    };
}
