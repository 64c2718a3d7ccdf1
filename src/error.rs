//! One error type: a status from the header's table and a text that names the thing and the remedy.

use std::fmt;

/// Declares the statuses once; name, number and text table come from here.
macro_rules! statuses {
    ($($(#[$doc:meta])* $variant:ident = $number:literal, $name:literal;)*) => {
        /// The status of a call, as in `foretick.h`. Numbers are never reused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(i32)]
        #[non_exhaustive]
        pub enum Status { $($(#[$doc])* $variant = $number,)* }

        impl Status {
            /// Every status, in the order of its number.
            pub const ALL: &'static [Status] = &[$(Status::$variant,)*];

            /// The name as in the header, without its prefix: `"BUSY"`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Status::$variant => $name,)* }
            }

            /// The name as a NUL-terminated static text, for C.
            #[must_use]
            pub const fn c_name(self) -> &'static std::ffi::CStr {
                match self {
                    $(Status::$variant => match std::ffi::CStr::from_bytes_with_nul(concat!($name, "\0").as_bytes()) {
                        Ok(text) => text,
                        Err(_) => c"UNKNOWN",
                    },)*
                }
            }
        }
    };
}

statuses! {
    /// The call did what it says.
    Ok = 0, "OK";
    /// An unknown flag or number.
    InvalidArgument = 1, "INVALID_ARGUMENT";
    /// A pointer that must not be NULL is.
    NullPointer = 2, "NULL_POINTER";
    /// Zero, stale, of another kind or of another engine.
    InvalidHandle = 3, "INVALID_HANDLE";
    /// Another caller is inside.
    Busy = 4, "BUSY";
    /// The needed length was written.
    BufferTooSmall = 5, "BUFFER_TOO_SMALL";
    /// A `struct_size` below version 1, or an unknown tail that is not zero.
    StructSize = 6, "STRUCT_SIZE";
    /// A pointer that is not aligned as its type needs.
    Alignment = 7, "ALIGNMENT";
    /// A count, stride or product of them that does not fit.
    Shape = 8, "SHAPE";
    /// A text that is not UTF-8.
    NotUtf8 = 9, "NOT_UTF8";
    /// No such thing.
    NotFound = 10, "NOT_FOUND";
    /// It exists, and otherwise.
    Conflict = 11, "CONFLICT";
    /// A limit of the configuration, named in the text.
    Limit = 12, "LIMIT";
    /// Not in this build.
    Unsupported = 13, "UNSUPPORTED";
    /// Not in this state.
    WrongState = 14, "WRONG_STATE";
    /// Not done in time; the request stands.
    Timeout = 15, "TIMEOUT";
    /// A call from inside a callback.
    Reentrant = 16, "REENTRANT";
    /// An earlier panic: only close works.
    Poisoned = 17, "POISONED";
    /// A ring or queue has no room.
    Full = 18, "FULL";
    /// `foretick_init` has not been called.
    NotInitialised = 100, "NOT_INITIALISED";
    /// Header and library differ in their major version, or the header is newer.
    AbiMismatch = 101, "ABI_MISMATCH";
    /// The process was forked after `foretick_init`.
    Forked = 102, "FORKED";
    /// A panic was caught at the boundary.
    Panic = 103, "PANIC";
    /// Memory could not be had.
    OutOfMemory = 104, "OUT_OF_MEMORY";
    /// The engine is closing.
    Closing = 105, "CLOSING";
    /// A fault of ours.
    Internal = 106, "INTERNAL";
    /// A thread could not be started or pinned.
    Thread = 107, "THREAD";
    /// Not TOML.
    ConfigSyntax = 200, "CONFIG_SYNTAX";
    /// An unknown key.
    ConfigKey = 201, "CONFIG_KEY";
    /// A value of another type or out of range.
    ConfigValue = 202, "CONFIG_VALUE";
    /// An event's kind, slots or counts.
    EventShape = 300, "EVENT_SHAPE";
    /// A reserved field of an event that is not zero.
    EventReserved = 301, "EVENT_RESERVED";
    /// NaN or infinity in an event.
    NotFinite = 302, "NOT_FINITE";
    /// A value of an event out of its range.
    Range = 303, "RANGE";
    /// A stream id that the engine has not given.
    UnknownStream = 304, "UNKNOWN_STREAM";
    /// An amount that would lose digits.
    Precision = 305, "PRECISION";
    /// The manifest; all problems are in the text.
    Manifest = 400, "MANIFEST";
    /// A SHA-256 that differs.
    Digest = 401, "DIGEST";
    /// A model file that is no valid graph.
    Model = 402, "MODEL";
    /// An operator that nothing can run.
    Operator = 403, "OPERATOR";
    /// Names, types or shapes of a graph differ from the manifest.
    Contract = 404, "CONTRACT";
    /// Golden rows are not reproduced.
    Golden = 405, "GOLDEN";
    /// Another schema, sampler or window; the text is the diff.
    SchemaDiffers = 406, "SCHEMA_DIFFERS";
    /// The bundle's `applies_to` does not name the stream.
    Scope = 407, "SCOPE";
    /// Roles and streams do not match.
    Roles = 408, "ROLES";
    /// The stream cannot give features that the bundle needs.
    FeaturesUnavailable = 409, "FEATURES_UNAVAILABLE";
    /// A graph that refers to data outside its file.
    ExternalData = 410, "EXTERNAL_DATA";
    /// The slot serves no bundle.
    NoBundle = 411, "NO_BUNDLE";
    /// There is no generation to go back to.
    NoPrevious = 412, "NO_PREVIOUS";
    /// No step has closed, or nobody has predicted.
    NoPrediction = 413, "NO_PREDICTION";
    /// ONNX Runtime's library is missing.
    RuntimeMissing = 500, "RUNTIME_MISSING";
    /// ONNX Runtime's library is too old or foreign.
    RuntimeVersion = 501, "RUNTIME_VERSION";
    /// A backend failed.
    Backend = 502, "BACKEND";
    /// A run was ended at its deadline.
    Deadline = 503, "DEADLINE";
    /// A model gave NaN or infinity.
    ModelOutput = 504, "MODEL_OUTPUT";
    /// Reading or writing a file failed.
    Io = 600, "IO";
    /// A file is damaged.
    Corrupt = 601, "CORRUPT";
    /// A file of a newer format.
    FormatVersion = 602, "FORMAT_VERSION";
    /// Another process holds it.
    Locked = 603, "LOCKED";
    /// The disk is full.
    DiskFull = 604, "DISK_FULL";
}

impl Status {
    /// The status of a number, `None` for one that the library does not know.
    #[must_use]
    pub fn from_number(number: i32) -> Option<Status> {
        Status::ALL.iter().copied().find(|status| *status as i32 == number)
    }
}

/// A failed call: its status and a text for a person.
///
/// The text is made on failure only, so building one may allocate. Paths that must not allocate
/// return a [`Status`] or a small refusal of their own and are turned into an `Error` at the edge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    status: Status,
    text: String,
}

/// What a fallible call of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error with its status and text.
    pub fn new(status: Status, text: impl Into<String>) -> Error {
        Error { status, text: text.into() }
    }

    /// One error out of many problems, each on a line of its own under `what`.
    pub fn problems(status: Status, what: &str, problems: &[String]) -> Error {
        Error { status, text: format!("{what}:\n  {}", problems.join("\n  ")) }
    }

    /// The status, for the caller that branches.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status
    }

    /// The text, for the person who reads.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The same error with what was being done in front.
    #[must_use]
    pub fn within(self, what: &str) -> Error {
        Error { status: self.status, text: format!("{what}: {}", self.text) }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.status.name(), self.text)
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_ascend_and_are_found_again() {
        assert!(Status::ALL.windows(2).all(|pair| (pair[0] as i32) < (pair[1] as i32)));
        for status in Status::ALL {
            assert_eq!(Status::from_number(*status as i32), Some(*status));
            assert_eq!(status.c_name().to_str(), Ok(status.name()));
        }
        assert_eq!(Status::from_number(-7), None);
    }
}
