//! The console's program: mounts the application. Everything else is in the library, so that tests reach it.

fn main() {
    frontend_yew::run();
}
