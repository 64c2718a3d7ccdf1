"""Events one after another."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from typing import Any

from .records import SLOT_BYTES, EventHead, EventRecord


class Events:
    """64-byte slots at an address that stays: what `Lane.push` takes.

    `Events(n)` is room for n slots, `Events.of(buffer)` the memory of a writable buffer (a numpy array, a bytearray) without a copy, and
    a copy of one that is not writable; `Events.read(path)` a recording.
    """

    __slots__ = ("address", "slots", "memory")

    def __init__(self, slots: int) -> None:
        self._hold((ctypes.c_uint64 * (slots * SLOT_BYTES // 8))(), slots)

    def _hold(self, memory: Any, slots: int) -> None:
        self.memory, self.slots, self.address = memory, slots, ctypes.addressof(memory)

    @classmethod
    def of(cls, buffer: Any) -> Events:
        """The events of a buffer; the buffer cannot be resized while they live."""
        view = memoryview(buffer)
        if view.nbytes % SLOT_BYTES:
            raise ValueError(f"{view.nbytes} bytes are no whole slots of {SLOT_BYTES}")
        events = cls.__new__(cls)
        if view.readonly or not view.c_contiguous:
            events._hold((ctypes.c_uint64 * (view.nbytes // 8)).from_buffer_copy(view.tobytes()), view.nbytes // SLOT_BYTES)
        else:
            events._hold((ctypes.c_char * view.nbytes).from_buffer(view), view.nbytes // SLOT_BYTES)
        return events

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Events:
        """The events of a file."""
        with open(path, "rb") as file:
            events = cls(os.fstat(file.fileno()).st_size // SLOT_BYTES)
            file.readinto(events.memory)
        return events

    def put(self, slot: int, event: EventRecord) -> int:
        """Copies an event to a slot; the slot behind it."""
        end: int = slot + event.slots
        if not 0 <= slot <= end <= self.slots:
            raise IndexError(f"an event of {event.slots} slots at {slot} does not fit into {self.slots}")
        ctypes.memmove(self.address + slot * SLOT_BYTES, ctypes.addressof(event), event.slots * SLOT_BYTES)
        return end

    def head(self, slot: int) -> EventHead:
        """The head of the event that begins at a slot, in place."""
        if not 0 <= slot < self.slots:
            raise IndexError(f"slot {slot} of {self.slots}")
        return EventHead.from_buffer(self.memory, slot * SLOT_BYTES)

    def heads(self, start: int, end: int) -> Iterator[EventHead]:
        """The heads of the events from one slot to another."""
        while start < end:
            head = self.head(start)
            yield head
            start += max(head.slots, 1)

    def __len__(self) -> int:
        return self.slots
