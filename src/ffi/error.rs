//! What a call failed with, and the text of a thread's last failure.
//!
//! The text lies in a fixed buffer of the thread, so that a refusal on the hot path allocates nothing.

use std::cell::RefCell;
use std::fmt::{self, Write};

use crate::engine::PushError;
use crate::error::{Error, Status};

/// Why a call failed, in a form that can be made without allocating.
#[derive(Debug)]
pub enum Fail {
    /// A status with a text that is known beforehand.
    Plain(Status, &'static str),
    /// An argument, named, that breaks a rule.
    Argument(Status, &'static str, &'static str),
    /// An event that was refused.
    Event(PushError),
    /// An error of the engine.
    Whole(Error),
}

/// What the inside of an export returns.
pub type Outcome<T = ()> = Result<T, Fail>;

impl Fail {
    /// The status that the caller gets.
    pub fn status(&self) -> Status {
        match self {
            Fail::Plain(status, _) | Fail::Argument(status, ..) => *status,
            Fail::Event(error) => error.refusal.status,
            Fail::Whole(error) => error.status(),
        }
    }
}

impl fmt::Display for Fail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fail::Plain(_, text) => f.write_str(text),
            Fail::Argument(_, name, rule) => write!(f, "{name}: {rule}"),
            Fail::Event(error) => error.fmt(f),
            Fail::Whole(error) => f.write_str(error.text()),
        }
    }
}

impl From<Error> for Fail {
    fn from(error: Error) -> Fail {
        Fail::Whole(error)
    }
}

impl From<PushError> for Fail {
    fn from(error: PushError) -> Fail {
        Fail::Event(error)
    }
}

/// Most bytes of a text; a longer one ends in `...`.
pub const TEXT_MOST: usize = 4096;
const DOTS: &[u8] = b"...";

struct Text {
    bytes: [u8; TEXT_MOST],
    len: usize,
    full: bool,
}

thread_local! {
    static LAST: RefCell<Text> = const { RefCell::new(Text { bytes: [0; TEXT_MOST], len: 0, full: false }) };
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.full {
            return Ok(());
        }
        let room = TEXT_MOST - self.len;
        let taken = text.len().min(room);
        self.bytes[self.len..self.len + taken].copy_from_slice(&text.as_bytes()[..taken]);
        self.len += taken;
        if taken < text.len() {
            self.cut();
        }
        Ok(())
    }
}

impl Text {
    /// Ends the full buffer in dots, at the start of a character.
    fn cut(&mut self) {
        let mut end = TEXT_MOST - DOTS.len();
        while end > 0 && self.bytes[end] & 0xC0 == 0x80 {
            end -= 1;
        }
        self.bytes[end..end + DOTS.len()].copy_from_slice(DOTS);
        (self.len, self.full) = (end + DOTS.len(), true);
    }
}

/// Keeps the text of a failure for this thread and answers its status.
#[cold]
pub fn keep(fail: &Fail) -> Status {
    keep_text(format_args!("{fail}"));
    fail.status()
}

/// Keeps a text for this thread.
pub fn keep_text(text: fmt::Arguments<'_>) {
    // A thread that is ending, or a text whose making fails: there is no better place to tell.
    let _ = LAST.try_with(|last| {
        if let Ok(mut last) = last.try_borrow_mut() {
            (last.len, last.full) = (0, false);
            let _ = last.write_fmt(text);
        }
    });
}

/// Lets `read` see the text of this thread's last failure; an empty one when there was none.
pub fn with_last<R>(read: impl FnOnce(&[u8]) -> R) -> R {
    LAST.with(|last| match last.try_borrow() {
        Ok(last) => read(&last.bytes[..last.len]),
        Err(_) => read(&[]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last() -> String {
        with_last(|text| String::from_utf8(text.to_vec()).unwrap())
    }

    #[test]
    fn a_text_is_kept_until_the_next_one() {
        assert_eq!(keep(&Fail::Argument(Status::NullPointer, "flow", "must not be NULL")), Status::NullPointer);
        assert_eq!(last(), "flow: must not be NULL");
        keep_text(format_args!("second"));
        assert_eq!(last(), "second");
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        for shift in 0..4 {
            keep_text(format_args!("{}{}", "a".repeat(shift), "€".repeat(2000)));
            let text = last();
            assert!(text.ends_with("€...") && text.len() <= TEXT_MOST && text.len() > TEXT_MOST - 6, "{}", text.len());
        }
        keep_text(format_args!("{}", "b".repeat(TEXT_MOST)));
        assert_eq!(last(), "b".repeat(TEXT_MOST));
    }
}
