//! Streams: numbers of an engine, not handles.

use std::ffi::c_char;

use super::abi::StatusCode;
use super::engine_table::with_engine;
use super::guard::guard;
use super::handle::EngineHandle;
use super::pointer::{Out, text};

/// Adds a stream, such as "binance_spot:BTCUSDT", and answers its id, from 1. The same name with the same
/// options answers the same id; an id lives as long as the engine.
///
/// threads: CONTROL. cost: allocates.
/// name: borrows (call), 1 to 255 bytes. options: borrows (call), TOML, NULL with 0 means defaults.
/// stream: borrows (call).
/// errors: CONFLICT for other options, LIMIT, CONFIG_*.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn foretick_stream_add(
    engine: EngineHandle,
    name: *const c_char,
    name_len: usize,
    options: *const c_char,
    options_len: usize,
    stream: *mut u32,
) -> StatusCode {
    guard("foretick_stream_add", || {
        // SAFETY: the header's rule of pointers.
        let (name, options, out) = unsafe { (text(name, name_len, "name")?, text(options, options_len, "options")?, Out::of(stream, "stream")?) };
        out.put(with_engine(engine.id, |entry| Ok(entry.engine.add_stream(name, options)?))?);
        Ok(())
    })
}
