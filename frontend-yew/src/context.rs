//! What every page is given: the hub, the live connection, notices, and who is signed in.

use std::rc::Rc;

use messages::http::access::Me;
use messages::permission::Permission;
use yew::{Callback, UseReducerDispatcher};

use crate::api::{Api, ApiError, Live};
use crate::state::toasts::{Toasts, Tone};

/// What happens to the notices.
#[derive(Debug, Clone)]
pub enum Notice {
    Add(Tone, String, String),
    Remove(u32),
}

/// The notices, as the page holds them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notices(pub Toasts);

impl yew::Reducible for Notices {
    type Action = Notice;

    fn reduce(self: Rc<Self>, action: Notice) -> Rc<Self> {
        let mut notices = Rc::unwrap_or_clone(self);
        match action {
            Notice::Add(tone, title, detail) => {
                notices.0.add(tone, title, detail);
            }
            Notice::Remove(id) => notices.0.remove(id),
        }
        Rc::new(notices)
    }
}

/// Handles, all cheap to clone.
#[derive(Clone, PartialEq)]
pub struct Console {
    pub api: Api,
    pub live: Live,
    notices: Option<UseReducerDispatcher<Notices>>,
    me: Option<Rc<Me>>,
}

impl Console {
    #[must_use]
    pub fn new(api: Api, live: Live, notices: UseReducerDispatcher<Notices>, me: Option<Rc<Me>>) -> Self {
        Self { api, live, notices: Some(notices), me }
    }

    #[must_use]
    pub fn me(&self) -> Option<&Rc<Me>> {
        self.me.as_ref()
    }

    /// What the person may not do is not offered; the hub refuses it all the same.
    #[must_use]
    pub fn may(&self, permission: Permission) -> bool {
        self.me.as_ref().is_some_and(|me| me.permissions.contains(&permission))
    }

    pub fn say(&self, tone: Tone, title: impl Into<String>, detail: impl Into<String>) {
        if let Some(notices) = &self.notices {
            notices.dispatch(Notice::Add(tone, title.into(), detail.into()));
        }
    }

    pub fn good(&self, title: impl Into<String>) {
        self.say(Tone::Good, title, "");
    }

    pub fn failed(&self, error: &ApiError) {
        // The login page tells that the session has ended.
        if *error != ApiError::SignedOut {
            self.say(Tone::Bad, error.title(), error.detail());
        }
    }
}

/// A console without a hub: what a component gets that is drawn outside the application.
impl Default for Console {
    fn default() -> Self {
        let api = Api::new(Callback::noop(), Callback::noop());
        Self { live: Live::new(api.clone()), api, notices: None, me: None }
    }
}
