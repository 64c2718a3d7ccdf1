//! Numbers of the header. They are written out, since the generator reads no other file; tests compare
//! them with what the library uses.

/// Version of this header: major << 16 | minor. Pass it to foretick_init.
pub const FORETICK_ABI_VERSION: u32 = 1;

/// The call did what it says.
pub const FORETICK_OK: i32 = 0;
/// An unknown flag or number.
pub const FORETICK_INVALID_ARGUMENT: i32 = 1;
/// A pointer that must not be NULL is.
pub const FORETICK_NULL_POINTER: i32 = 2;
/// Zero, stale, of another kind or of another engine.
pub const FORETICK_INVALID_HANDLE: i32 = 3;
/// Another caller is inside.
pub const FORETICK_BUSY: i32 = 4;
/// The needed length was written.
pub const FORETICK_BUFFER_TOO_SMALL: i32 = 5;
/// A struct_size below version 1, or an unknown tail that is not zero.
pub const FORETICK_STRUCT_SIZE: i32 = 6;
/// A pointer that is not aligned as its type needs.
pub const FORETICK_ALIGNMENT: i32 = 7;
/// A count, stride or product of them that does not fit.
pub const FORETICK_SHAPE: i32 = 8;
/// A text that is not UTF-8.
pub const FORETICK_NOT_UTF8: i32 = 9;
/// No such thing.
pub const FORETICK_NOT_FOUND: i32 = 10;
/// It exists, and otherwise.
pub const FORETICK_CONFLICT: i32 = 11;
/// A limit of the configuration, named in the text.
pub const FORETICK_LIMIT: i32 = 12;
/// Not in this build.
pub const FORETICK_UNSUPPORTED: i32 = 13;
/// Not in this state.
pub const FORETICK_WRONG_STATE: i32 = 14;
/// Not done in time; the request stands.
pub const FORETICK_TIMEOUT: i32 = 15;
/// A call from inside a callback.
pub const FORETICK_REENTRANT: i32 = 16;
/// An earlier panic: only close works.
pub const FORETICK_POISONED: i32 = 17;
/// A ring or queue has no room.
pub const FORETICK_FULL: i32 = 18;
/// foretick_init has not been called.
pub const FORETICK_NOT_INITIALISED: i32 = 100;
/// Header and library differ in their major version, or the header is newer.
pub const FORETICK_ABI_MISMATCH: i32 = 101;
/// The process was forked after foretick_init.
pub const FORETICK_FORKED: i32 = 102;
/// A panic was caught at the boundary.
pub const FORETICK_PANIC: i32 = 103;
/// Memory could not be had.
pub const FORETICK_OUT_OF_MEMORY: i32 = 104;
/// The engine is closing.
pub const FORETICK_CLOSING: i32 = 105;
/// A fault of ours.
pub const FORETICK_INTERNAL: i32 = 106;
/// A thread could not be started or pinned.
pub const FORETICK_THREAD: i32 = 107;
/// Not TOML.
pub const FORETICK_CONFIG_SYNTAX: i32 = 200;
/// An unknown key.
pub const FORETICK_CONFIG_KEY: i32 = 201;
/// A value of another type or out of range.
pub const FORETICK_CONFIG_VALUE: i32 = 202;
/// An event's kind, slots or counts.
pub const FORETICK_EVENT_SHAPE: i32 = 300;
/// A reserved field of an event that is not zero.
pub const FORETICK_EVENT_RESERVED: i32 = 301;
/// NaN or infinity in an event.
pub const FORETICK_NOT_FINITE: i32 = 302;
/// A value of an event out of its range.
pub const FORETICK_RANGE: i32 = 303;
/// A stream id that the engine has not given.
pub const FORETICK_UNKNOWN_STREAM: i32 = 304;
/// An amount that would lose digits.
pub const FORETICK_PRECISION: i32 = 305;
/// The manifest; all problems are in the text.
pub const FORETICK_MANIFEST: i32 = 400;
/// A SHA-256 that differs.
pub const FORETICK_DIGEST: i32 = 401;
/// A model file that is no valid graph.
pub const FORETICK_MODEL: i32 = 402;
/// An operator that nothing can run.
pub const FORETICK_OPERATOR: i32 = 403;
/// Names, types or shapes of a graph differ from the manifest.
pub const FORETICK_CONTRACT: i32 = 404;
/// Golden rows are not reproduced.
pub const FORETICK_GOLDEN: i32 = 405;
/// Another schema, sampler or window; the text is the diff.
pub const FORETICK_SCHEMA_DIFFERS: i32 = 406;
/// The bundle's applies_to does not name the stream.
pub const FORETICK_SCOPE: i32 = 407;
/// Roles and streams do not match.
pub const FORETICK_ROLES: i32 = 408;
/// The stream cannot give features that the bundle needs.
pub const FORETICK_FEATURES_UNAVAILABLE: i32 = 409;
/// A graph that refers to data outside its file.
pub const FORETICK_EXTERNAL_DATA: i32 = 410;
/// The slot serves no bundle.
pub const FORETICK_NO_BUNDLE: i32 = 411;
/// There is no generation to go back to.
pub const FORETICK_NO_PREVIOUS: i32 = 412;
/// No step has closed, or nobody has predicted.
pub const FORETICK_NO_PREDICTION: i32 = 413;
/// ONNX Runtime's library is missing.
pub const FORETICK_RUNTIME_MISSING: i32 = 500;
/// ONNX Runtime's library is too old or foreign.
pub const FORETICK_RUNTIME_VERSION: i32 = 501;
/// A backend failed.
pub const FORETICK_BACKEND: i32 = 502;
/// A run was ended at its deadline.
pub const FORETICK_DEADLINE: i32 = 503;
/// A model gave NaN or infinity.
pub const FORETICK_MODEL_OUTPUT: i32 = 504;
/// Reading or writing a file failed.
pub const FORETICK_IO: i32 = 600;
/// A file is damaged.
pub const FORETICK_CORRUPT: i32 = 601;
/// A file of a newer format.
pub const FORETICK_FORMAT_VERSION: i32 = 602;
/// Another process holds it.
pub const FORETICK_LOCKED: i32 = 603;
/// The disk is full.
pub const FORETICK_DISK_FULL: i32 = 604;
/// Action: nothing was predicted yet.
pub const FORETICK_ACTION_NONE: u8 = 0;
/// Action: buy.
pub const FORETICK_ACTION_BUY: u8 = 1;
/// Action: sell.
pub const FORETICK_ACTION_SELL: u8 = 2;
/// Action: neither.
pub const FORETICK_ACTION_HOLD: u8 = 3;
/// Action: execute the opportunity.
pub const FORETICK_ACTION_EXECUTE: u8 = 4;
/// Action: wait for a better moment.
pub const FORETICK_ACTION_WAIT: u8 = 5;
/// Action: leave the opportunity.
pub const FORETICK_ACTION_SKIP: u8 = 6;
/// Action: no decision; the reasons say why.
pub const FORETICK_ACTION_ABSTAIN: u8 = 255;
/// Signal flag: the probability is a number.
pub const FORETICK_SIGNAL_VALUE: u8 = 1;
/// Signal flag: the same step was asked for before.
pub const FORETICK_SIGNAL_REPEAT: u8 = 2;
/// Signal flag: the bundle was not made for this stream.
pub const FORETICK_SIGNAL_OUT_OF_SCOPE: u8 = 4;
/// Signal flag: the step lies in the bundle's training span.
pub const FORETICK_SIGNAL_IN_SAMPLE: u8 = 8;
/// Signal flag: a lower rung than the champion answered.
pub const FORETICK_SIGNAL_FALLBACK: u8 = 16;
/// Signal flag: a member was left out.
pub const FORETICK_SIGNAL_DEGRADED: u8 = 32;
/// Reason: the window or a feature has not seen enough steps.
pub const FORETICK_REASON_NOT_READY: u64 = 1u64 << 0;
/// Reason: the newest event of role self is too old.
pub const FORETICK_REASON_DATA_STALE: u64 = 1u64 << 1;
/// Reason (informs only): events or bars are missing.
pub const FORETICK_REASON_GAP: u64 = 1u64 << 2;
/// Reason (informs only): an event came after its time had been closed.
pub const FORETICK_REASON_LATE_EVENT: u64 = 1u64 << 3;
/// Reason (informs only): an event with the id of the last one of its stream and kind.
pub const FORETICK_REASON_DUPLICATE: u64 = 1u64 << 4;
/// Reason (informs only): a bid above its ask.
pub const FORETICK_REASON_CROSSED_BOOK: u64 = 1u64 << 5;
/// Reason: a book waits for a snapshot.
pub const FORETICK_REASON_BOOK_RESYNC: u64 = 1u64 << 6;
/// Reason: a stream's known time went back.
pub const FORETICK_REASON_CLOCK_BACK: u64 = 1u64 << 7;
/// Reason (informs only): no book was there at the close.
pub const FORETICK_REASON_NO_BOOK: u64 = 1u64 << 8;
/// Reason: a feature that must not be missing is.
pub const FORETICK_REASON_FEATURE_MISSING: u64 = 1u64 << 16;
/// Reason: more features out of the trained range than the policy permits.
pub const FORETICK_REASON_OUT_OF_RANGE: u64 = 1u64 << 17;
/// Reason: a feature's value does not fit f32.
pub const FORETICK_REASON_FEATURE_RANGE: u64 = 1u64 << 18;
/// Reason: no model is there or enabled.
pub const FORETICK_REASON_NO_MODEL: u64 = 1u64 << 24;
/// Reason: a model gave NaN or infinity.
pub const FORETICK_REASON_MODEL_OUTPUT: u64 = 1u64 << 25;
/// Reason: a model did not answer in time.
pub const FORETICK_REASON_DEADLINE: u64 = 1u64 << 26;
/// Reason: too little of the weight answered.
pub const FORETICK_REASON_QUORUM: u64 = 1u64 << 27;
/// Reason: state is being rebuilt after a swap.
pub const FORETICK_REASON_WARMING: u64 = 1u64 << 28;
/// Reason (informs only): a member was left out.
pub const FORETICK_REASON_MEMBER_FAILED: u64 = 1u64 << 29;
/// Reason (informs only): another device answered.
pub const FORETICK_REASON_DEVICE_FALLBACK: u64 = 1u64 << 30;
/// Reason: the members disagree.
pub const FORETICK_REASON_AGREEMENT: u64 = 1u64 << 40;
/// Reason: the bundle is older than it allows.
pub const FORETICK_REASON_BUNDLE_STALE: u64 = 1u64 << 41;
/// Reason (informs only): the bundle was not made for this stream.
pub const FORETICK_REASON_OUT_OF_SCOPE: u64 = 1u64 << 42;
/// Reason (informs only): the step lies in the bundle's training span.
pub const FORETICK_REASON_IN_SAMPLE: u64 = 1u64 << 43;
/// Reason: predictions are switched off.
pub const FORETICK_REASON_DISABLED: u64 = 1u64 << 56;
/// Reason: the host vetoed this track.
pub const FORETICK_REASON_HOST_VETO: u64 = 1u64 << 57;
/// Reason: a queue was full.
pub const FORETICK_REASON_QUEUE_FULL: u64 = 1u64 << 58;
/// Kind of event: mark.
pub const FORETICK_KIND_MARK: u8 = 0;
/// Kind of event: trade.
pub const FORETICK_KIND_TRADE: u8 = 1;
/// Kind of event: quote.
pub const FORETICK_KIND_QUOTE: u8 = 2;
/// Kind of event: book.
pub const FORETICK_KIND_BOOK: u8 = 3;
/// Kind of event: delta.
pub const FORETICK_KIND_DELTA: u8 = 4;
/// Kind of event: bar.
pub const FORETICK_KIND_BAR: u8 = 5;
/// Kind of event: pool.
pub const FORETICK_KIND_POOL: u8 = 6;
/// Kind of event: block.
pub const FORETICK_KIND_BLOCK: u8 = 7;
/// Kind of event: gas.
pub const FORETICK_KIND_GAS: u8 = 8;
/// Kind of event: pending.
pub const FORETICK_KIND_PENDING: u8 = 9;
/// Kind of event: liquidation.
pub const FORETICK_KIND_LIQUIDATION: u8 = 10;
/// Kind of event: scalar.
pub const FORETICK_KIND_SCALAR: u8 = 11;
/// Event flag: the whole event is the state, not a change to it.
pub const FORETICK_EVENT_SNAPSHOT: u8 = 1;
/// Event flag: the source's message goes on in the next record.
pub const FORETICK_EVENT_MORE: u8 = 2;
/// Event flag: derived from something else.
pub const FORETICK_EVENT_DERIVED: u8 = 4;
/// Event flag: withdrawn or replaced by a chain reorganisation.
pub const FORETICK_EVENT_REORG: u8 = 8;
/// Side: not known.
pub const FORETICK_SIDE_UNKNOWN: u8 = 0;
/// Side: the taker bought, or the forced order buys.
pub const FORETICK_SIDE_BUY: u8 = 1;
/// Side: the taker sold, or the forced order sells.
pub const FORETICK_SIDE_SELL: u8 = 2;
/// Mark: nothing known up to the argument will follow.
pub const FORETICK_MARK_ADVANCE: u32 = 1;
/// Mark: events were lost; the argument says how many.
pub const FORETICK_MARK_GAP: u32 = 2;
/// Mark: all state of the track starts anew.
pub const FORETICK_MARK_RESET: u32 = 3;
/// Mark: a prediction was asked for.
pub const FORETICK_MARK_PREDICT: u32 = 4;
/// Mark: every track of the lane.
pub const FORETICK_MARK_ALL_TRACKS: u32 = 0xFFFF_FFFF;
/// Phase: not known.
pub const FORETICK_PHASE_UNKNOWN: u8 = 0;
/// Phase: neither of the others.
pub const FORETICK_PHASE_RANGING: u8 = 1;
/// Phase: averages far apart.
pub const FORETICK_PHASE_TRENDING: u8 = 2;
/// Phase: a large true range.
pub const FORETICK_PHASE_VOLATILE: u8 = 3;
/// Rung: the published bundle answered.
pub const FORETICK_RUNG_CHAMPION: u8 = 0;
/// Rung: the generation before it answered.
pub const FORETICK_RUNG_PREVIOUS: u8 = 1;
/// Rung: a linear model answered.
pub const FORETICK_RUNG_LINEAR: u8 = 2;
/// Rung: a rule answered.
pub const FORETICK_RUNG_RULE: u8 = 3;
/// Rung: nothing answered.
pub const FORETICK_RUNG_NONE: u8 = 255;
/// Backend bit: a kernel of this library.
pub const FORETICK_BACKEND_NATIVE: u16 = 1;
/// Backend bit: ONNX Runtime.
pub const FORETICK_BACKEND_ORT: u16 = 2;
/// Backend bit: rten.
pub const FORETICK_BACKEND_RTEN: u16 = 4;
/// Backend bit: on a GPU.
pub const FORETICK_BACKEND_CUDA: u16 = 8;
/// Backend bit: the track works ahead, and still the whole window was computed on the clock.
pub const FORETICK_BACKEND_WHOLE_WINDOW: u16 = 16;
/// Backend bit: all of the window but its newest row was computed before (foretick_track_prepare).
pub const FORETICK_BACKEND_PREFIX: u16 = 32;
/// Backend bit: state carried from step to step.
pub const FORETICK_BACKEND_STATEFUL: u16 = 64;
/// Backend bit: from the cache.
pub const FORETICK_BACKEND_CACHED: u16 = 128;
/// Task of an output: P(price rises).
pub const FORETICK_TASK_DIRECTION: u16 = 0;
/// Task of an output: a price or return.
pub const FORETICK_TASK_VALUE: u16 = 1;
/// Task of an output: a volatility.
pub const FORETICK_TASK_VOLATILITY: u16 = 2;
/// Task of an output: P(an opportunity succeeds).
pub const FORETICK_TASK_SUCCESS: u16 = 3;
/// Task of an output: a time.
pub const FORETICK_TASK_DURATION: u16 = 4;
/// Task of an output: a risk.
pub const FORETICK_TASK_RISK: u16 = 5;
/// Known in a bar: quote_volume.
pub const FORETICK_BAR_QUOTE_VOLUME: u32 = 1;
/// Known in a bar: taker_buy and taker_sell.
pub const FORETICK_BAR_TAKER: u32 = 2;
/// Known in a bar: trades.
pub const FORETICK_BAR_TRADES: u32 = 4;
/// foretick_track_open: on streams that the bundle's applies_to does not name; every prediction then says so.
pub const FORETICK_TRACK_ANY_STREAM: u32 = 1;
/// foretick_publish_t: drop the previous generation at once instead of keeping it.
pub const FORETICK_PUBLISH_REPLACE: u32 = 1;
/// foretick_track_row: scaled, as models see it.
pub const FORETICK_ROW_SCALED: u32 = 1;
/// foretick_engine_describe: what the engine was opened with.
pub const FORETICK_DESCRIBE_CONFIG: u32 = 1;
/// foretick_engine_describe: streams.
pub const FORETICK_DESCRIBE_STREAMS: u32 = 2;
/// foretick_engine_describe: lanes with their links and counters.
pub const FORETICK_DESCRIBE_LANES: u32 = 4;
/// foretick_engine_describe: tracks.
pub const FORETICK_DESCRIBE_TRACKS: u32 = 8;
/// foretick_engine_describe: slots and what they serve.
pub const FORETICK_DESCRIBE_SLOTS: u32 = 16;
/// foretick_engine_describe: what may run models, and what was loaded.
pub const FORETICK_DESCRIBE_BACKENDS: u32 = 32;
/// foretick_scorer_open: rows are unscaled double, as features come.
pub const FORETICK_SCORER_RAW: u32 = 1;
