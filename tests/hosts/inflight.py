"""An engine is closed, or the interpreter ends, while a thread is inside a run that would take an hour.

Arguments: the shared library, a bundle's folder, how, and how many microseconds the run may go on before.
"""

import ctypes
import struct
import sys
import threading
import time

START_NS, MINUTE_NS = 1_700_000_040_000_000_000, 60_000_000_000
OK, BUSY, ABI_VERSION = 0, 4, 1
OPTIONS = b"[housekeeping]\ninterval_ms = 60000\nclose_timeout_ms = 60000\n"

library = ctypes.CDLL(sys.argv[1])
u32, u64, i64 = ctypes.c_uint32, ctypes.c_uint64, ctypes.c_int64


def call(name, *arguments):
    """The library's status; a handle is passed as the integer that it holds. ctypes lets go of the interpreter meanwhile."""
    return getattr(library, f"foretick_{name}")(*arguments)


def ok(name, *arguments):
    status = call(name, *arguments)
    assert status == OK, (name, status)


def made(name, *arguments, kind=u64):
    """What a call makes: its last argument is a pointer to it."""
    out = kind()
    ok(name, *arguments, ctypes.byref(out))
    return out


def text(value):
    return value, ctypes.c_size_t(len(value))


def bar(stream):
    """The first minute, of volume 1: where the member loops."""
    head = struct.pack("<HBBIqqQ", 2, 5, 0, stream, START_NS + MINUTE_NS, 0, 0)
    return head + struct.pack("<qq8dQII", START_NS, MINUTE_NS, 100, 100, 100, 100, 1, 0, 0, 0, 0, 0, 0)


def new_flow():
    return ctypes.create_string_buffer(struct.pack("<IIQQIIII", 48, 0, 0, 0, 0, 0, 0, 0), 48)


def start(folder):
    ok("init", u32(ABI_VERSION))
    engine = made("engine_open", *text(OPTIONS))
    bundle = made("bundle_open", engine, *text(folder), u32(0))
    slot = b"direction"
    name = ctypes.create_string_buffer(slot)
    ok("slot_publish", engine, struct.pack("<IIQQQ", 32, 0, ctypes.addressof(name), len(slot), bundle.value), ctypes.c_size_t(1), ctypes.byref(u64()))
    lane = made("lane_open", engine, None, ctypes.c_size_t(0))
    stream = made("stream_add", engine, *text(b"test:BTC"), None, ctypes.c_size_t(0), kind=u32)
    track = made("track_open", lane, *text(slot), ctypes.byref(stream), ctypes.c_size_t(1), u32(0))
    event = (u64 * 16).from_buffer_copy(bar(stream.value))
    ok("lane_push", lane, event, ctypes.c_size_t(2), new_flow())
    return engine, lane, track


def predict(track, prediction):
    """Until the main thread's look does not meet it; then it comes back when the run was stopped."""
    while (status := call("track_predict", track, i64(START_NS + MINUTE_NS), prediction)) == BUSY:
        pass
    assert status == OK, status


def main():
    folder, how, wait_us = sys.argv[2].encode(), sys.argv[3], int(sys.argv[4])
    engine, lane, track = start(folder)
    prediction = (u64 * 32)()
    thread = threading.Thread(target=predict, args=(track, prediction), daemon=True)
    thread.start()
    while call("lane_advance", lane, i64(START_NS), new_flow()) != BUSY:
        time.sleep(0)
    time.sleep(wait_us / 1e6)
    if how == "abandoned":
        return  # the interpreter ends, and with it the process, while the daemon thread is inside
    assert how in ("closed", "unjoined"), how
    ok("engine_close", engine)
    if how == "closed":
        thread.join(60)
        assert not thread.is_alive() and prediction[3] != 0


main()
