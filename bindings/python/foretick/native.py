"""The library's functions: found, loaded, typed once. What stands here is private to the package."""

from __future__ import annotations

import ctypes
import ctypes.util
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .constants import ABI_VERSION, Status
from .records import i32, i64, pointer, size_t, u32, u64

status = i32
text = ctypes.c_char_p

# Arguments by function. A handle is its number, by value; hot calls take addresses as plain numbers, which is the cheapest that ctypes has.
SIGNATURES: dict[str, tuple[object, tuple[object, ...]]] = {
    "abi_version": (u32, ()),
    "init": (status, (u32,)),
    "build_info": (status, (pointer, size_t, pointer)),
    "now_ns": (i64, ()),
    "last_error": (status, (pointer, size_t, pointer)),
    "status_name": (text, (i32,)),
    "engine_open": (status, (text, size_t, pointer)),
    "engine_close": (status, (u64,)),
    "engine_metrics": (status, (u64, pointer, size_t, pointer)),
    "engine_describe": (status, (u64, u32, pointer, size_t, pointer)),
    "engine_maintain": (status, (u64, i64, pointer)),
    "stream_add": (status, (u64, text, size_t, text, size_t, pointer)),
    "bundle_open": (status, (u64, text, size_t, u32, pointer)),
    "bundle_describe": (status, (u64, pointer, size_t, pointer)),
    "bundle_close": (status, (u64,)),
    "slot_publish": (status, (u64, pointer, size_t, pointer)),
    "slot_enable": (status, (u64, text, size_t, text, size_t, i32)),
    "lane_open": (status, (u64, text, size_t, pointer)),
    "lane_close": (status, (u64,)),
    "lane_push": (status, (u64, pointer, size_t, pointer)),
    "lane_advance": (status, (u64, i64, pointer)),
    "lane_due": (status, (u64, pointer, size_t, pointer)),
    "lane_warm": (status, (u64, pointer, size_t, pointer)),
    "lane_snapshot": (status, (u64, pointer, size_t, pointer)),
    "lane_restore": (status, (u64, pointer, size_t)),
    "lane_poll": (status, (u64, size_t, i64, pointer)),
    "link_open": (status, (u64, text, size_t, pointer)),
    "link_push": (status, (u64, pointer, size_t, pointer)),
    "link_close": (status, (u64,)),
    "track_open": (status, (u64, text, size_t, pointer, size_t, u32, pointer)),
    "track_close": (status, (u64,)),
    "track_predict": (status, (u64, i64, pointer)),
    "track_prepare": (status, (u64,)),
    "track_predict_row": (status, (u64, pointer, size_t, i64, pointer)),
    "track_enable": (status, (u64, i32)),
    "track_row": (status, (u64, u32, pointer, size_t, pointer, pointer)),
    "track_details": (status, (u64, pointer)),
    "result_attach": (status, (u64, pointer, size_t)),
    "result_signal": (u64, (pointer,)),
    "result_read": (status, (pointer, pointer)),
    "scorer_open": (status, (u64, text, size_t, text, size_t, u32, pointer)),
    "scorer_info": (status, (u64, pointer)),
    "scorer_run": (status, (u64, pointer, size_t, size_t, pointer, size_t)),
    "scorer_next": (status, (u64, pointer, size_t, size_t, pointer, size_t)),
    "scorer_prepare": (status, (u64,)),
    "scorer_close": (status, (u64,)),
    "amount_parse": (status, (text, size_t, u32, pointer)),
    "amount_from_bytes": (status, (pointer, pointer)),
    "amount_to_f64": (status, (pointer, u32, pointer)),
}


class Error(Exception):
    """A call that failed: `status`, its `name`, and the library's `text`."""

    def __init__(self, number: int, text: str) -> None:
        super().__init__(number, text)
        self.status = number
        self.name: str = status_name(number)
        self.text = text

    def __str__(self) -> str:
        return f"{self.name}: {self.text}"


def _candidates() -> list[str]:
    named = os.environ.get("FORETICK_LIBRARY")
    if named:
        return [named]
    here = Path(__file__).resolve().parent
    beside = [str(here / name) for name in ("libforetick.so.0", "libforetick.so")]
    return [path for path in beside if os.path.exists(path)] + ["libforetick.so.0", ctypes.util.find_library("foretick") or "libforetick.so"]


def _load() -> ctypes.CDLL:
    failures = []
    for path in _candidates():
        try:
            return ctypes.CDLL(path)
        except OSError as failure:
            failures.append(str(failure))
    raise ImportError("libforetick.so.0 was not found; name it by FORETICK_LIBRARY: " + "; ".join(failures))


_library = _load()


def function(name: str) -> Callable[..., int]:
    """A function object of its own: `library.name` would share its types with whoever else loaded the library."""
    result, arguments = SIGNATURES[name]
    made = _library[f"foretick_{name}"]
    made.restype, made.argtypes = result, arguments  # type: ignore[assignment]
    return made


_name: Callable[[int], Any] = function("status_name")
_last_error = function("last_error")


def status_name(number: int) -> str:
    """The name of a status: `"BUSY"`."""
    return str(_name(number).decode())


def failure(number: int) -> Error:
    """The error of the call that this thread has just made."""
    room, length = ctypes.create_string_buffer(4096), size_t()
    known = _last_error(ctypes.addressof(room), len(room), ctypes.addressof(length)) == Status.OK
    return Error(number, room.raw[: length.value].decode(errors="replace") if known else "")


def check(number: int) -> None:
    """Raises unless the status is OK."""
    if number:
        raise failure(number)


def grown(call: Callable[[int, int, int], int]) -> bytes:
    """What a call writes into a buffer of the caller's."""
    length = size_t()
    room = ctypes.create_string_buffer(4096)
    while True:
        answer = call(ctypes.addressof(room), len(room), ctypes.addressof(length))
        if answer != Status.BUFFER_TOO_SMALL:
            check(answer)
            return room.raw[: length.value]
        room = ctypes.create_string_buffer(length.value)


# An older or newer library ends the import with both versions in the text.
check(function("init")(ABI_VERSION))
