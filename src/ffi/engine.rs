//! Engines.

use std::ffi::c_char;
use std::time::Duration;

use super::abi::StatusCode;
use super::engine_table::{close_engine, open_engine, with_engine};
use super::error::Fail;
use super::guard::guard;
use super::handle::EngineHandle;
use super::pointer::{Out, buffer, text};
use crate::engine::Engine;
use crate::error::Status;

/// Opens an engine; starts its housekeeping thread unless `threads = 0`.
///
/// threads: CONTROL. cost: allocates, blocks.
/// config: borrows (call), TOML, NULL with 0 means defaults. engine: borrows (call).
/// errors: CONFIG_SYNTAX, CONFIG_KEY, CONFIG_VALUE with every problem's line, THREAD, LIMIT; RUNTIME_MISSING,
/// RUNTIME_VERSION, CONFLICT when models.ort_library names a library that cannot be used.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn foretick_engine_open(config: *const c_char, config_len: usize, engine: *mut EngineHandle) -> StatusCode {
    guard("foretick_engine_open", || {
        // SAFETY: the header's rule of pointers.
        let (config, out) = unsafe { (text(config, config_len, "config")?, Out::of(engine, "engine")?) };
        out.put(EngineHandle { id: open_engine(Engine::open_text(config)?)? });
        Ok(())
    })
}

/// Closes an engine with its lanes, tracks, scorers and bundles: waits for the callers inside, then every handle
/// of the engine is stale. Closing the zero handle is fine.
///
/// threads: CONTROL. cost: blocks up to housekeeping.close_timeout_ms.
/// errors: BUSY when callers were still inside: nothing is closed and the engine goes on. Calls of other
/// threads during the wait may answer CLOSING.
#[unsafe(no_mangle)]
pub extern "C" fn foretick_engine_close(engine: EngineHandle) -> StatusCode {
    guard("foretick_engine_close", || if engine.id == 0 { Ok(()) } else { close_engine(engine.id) })
}

/// Counters, gauges and sampled latencies as Prometheus text.
///
/// threads: CONTROL. cost: allocates.
/// buf, len: borrows (call); NULL with 0 asks for the length, which may grow until the next call.
/// errors: BUFFER_TOO_SMALL with the needed length.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn foretick_engine_metrics(engine: EngineHandle, buf: *mut c_char, cap: usize, len: *mut usize) -> StatusCode {
    guard("foretick_engine_metrics", || {
        // SAFETY: the header's rule of pointers.
        let out = unsafe { buffer(buf, cap, len)? };
        with_engine(engine.id, |entry| out.fill_bytes(entry.engine.metrics().as_bytes()))
    })
}

/// The engine as JSON, an entry for each part asked for: FORETICK_DESCRIBE_CONFIG, _STREAMS, _LANES (with links and
/// counters), _TRACKS, _SLOTS, _BACKENDS.
///
/// threads: CONTROL. cost: allocates.
/// buf, len: borrows (call); NULL with 0 asks for the length, which may grow until the next call.
/// errors: BUFFER_TOO_SMALL with the needed length, INVALID_ARGUMENT for no part or an unknown one.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn foretick_engine_describe(engine: EngineHandle, parts: u32, buf: *mut c_char, cap: usize, len: *mut usize) -> StatusCode {
    guard("foretick_engine_describe", || {
        // SAFETY: the header's rule of pointers.
        let out = unsafe { buffer(buf, cap, len)? };
        with_engine(engine.id, |entry| out.fill_bytes(entry.engine.describe(parts)?.to_string().as_bytes()))
    })
}

/// Does the housekeeping of an engine that was opened with `threads = 0`: newer models are handed over to idle lanes,
/// replaced ones are freed. *more is 1 when work is left after `budget_ns`; freeing one model that was begun is
/// finished (a session of ONNX Runtime takes milliseconds).
///
/// threads: CONTROL. cost: allocates, blocks.
/// more: borrows (call), written on success.
/// errors: WRONG_STATE unless threads = 0, INVALID_ARGUMENT for a negative budget.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn foretick_engine_maintain(engine: EngineHandle, budget_ns: i64, more: *mut i32) -> StatusCode {
    guard("foretick_engine_maintain", || {
        // SAFETY: the header's rule of pointers.
        let out = unsafe { Out::of(more, "more")? };
        let budget = u64::try_from(budget_ns).map_err(|_| Fail::Argument(Status::InvalidArgument, "budget_ns", "must not be negative"))?;
        out.put(i32::from(with_engine(engine.id, |entry| Ok(entry.engine.maintain(Duration::from_nanos(budget))?))?));
        Ok(())
    })
}
