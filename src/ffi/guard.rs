//! The guard of every export: no panic crosses into C, no call works before `init` or after a fork, and the caller's floating-point
//! mode neither reaches our arithmetic nor is changed by it.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::error::{Fail, Outcome, keep, keep_text};
use super::fork::{Process, process};
use crate::error::Status;
use crate::model::denormals::ordinary;

/// Runs an export's body when the library is initialised in this process; answers the status.
#[inline]
pub fn guard(symbol: &'static str, body: impl FnOnce() -> Outcome) -> i32 {
    guard_always(symbol, || ready().and_then(|()| body()))
}

/// As [`guard`], for what works before `init`.
#[inline]
pub fn guard_always(symbol: &'static str, body: impl FnOnce() -> Outcome) -> i32 {
    match caught(symbol, || ordinary(body)) {
        Some(Ok(())) => Status::Ok as i32,
        Some(Err(fail)) => keep(&fail) as i32,
        None => Status::Panic as i32,
    }
}

/// As [`guard_always`], but a failure leaves the text of the last one as it is. The body computes nothing.
pub fn guard_silent(symbol: &'static str, body: impl FnOnce() -> Outcome) -> i32 {
    match caught(symbol, body) {
        Some(Ok(())) => Status::Ok as i32,
        Some(Err(fail)) => fail.status() as i32,
        None => Status::Panic as i32,
    }
}

/// For exports that cannot fail and compute nothing: a panic answers the fallback.
#[inline]
pub fn guard_or<T>(symbol: &'static str, fallback: T, body: impl FnOnce() -> T) -> T {
    caught(symbol, body).unwrap_or(fallback)
}

/// Refuses a call in the child of the process that initialised the library.
pub fn not_forked() -> Outcome {
    match process() {
        Process::Forked => Err(FORKED),
        Process::New | Process::Ready => Ok(()),
    }
}

const FORKED: Fail = Fail::Plain(Status::Forked, "this process was forked after foretick_init: only the parent may use the library");

#[inline]
fn ready() -> Outcome {
    match process() {
        Process::Ready => Ok(()),
        Process::New => Err(Fail::Plain(Status::NotInitialised, "call foretick_init(FORETICK_ABI_VERSION) first")),
        Process::Forked => Err(FORKED),
    }
}

/// The body's value; `None` when it panicked, with the panic's text kept.
///
/// What a panic may leave half done is behind an owner word or an engine's mark, which poison it; so
/// unwinding past shared state is safe.
#[inline]
fn caught<T>(symbol: &'static str, body: impl FnOnce() -> T) -> Option<T> {
    let run = || {
        #[cfg(test)]
        trip::check(symbol);
        body()
    };
    catch_unwind(AssertUnwindSafe(run)).map_err(|payload| note_panic(symbol, &*payload)).ok()
}

#[cold]
fn note_panic(symbol: &str, payload: &(dyn Any + Send)) {
    let text = payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    keep_text(format_args!("a panic in {symbol}, a fault of foretick: {}", text.unwrap_or("without a text")));
}

/// Panics on demand, so that tests can see what each export makes of one.
#[cfg(test)]
pub mod trip {
    use std::cell::Cell;

    thread_local! {
        static ARMED: Cell<Option<&'static str>> = const { Cell::new(None) };
    }

    /// The next call of this export on this thread panics.
    pub fn arm(symbol: &'static str) {
        ARMED.set(Some(symbol));
    }

    /// Whether a panic is still waiting.
    pub fn armed() -> bool {
        ARMED.get().is_some()
    }

    pub(super) fn check(symbol: &str) {
        if ARMED.get() == Some(symbol) {
            ARMED.set(None);
            panic!("injected into {symbol}");
        }
    }
}
