"""Amounts of up to 256 bits: whole units, as Python's own integers."""

from __future__ import annotations

import ctypes

from .native import check, function
from .records import f64, u64

_parse, _from_bytes, _to_f64 = function("amount_parse"), function("amount_from_bytes"), function("amount_to_f64")

_BYTES = 32


def amount_parse(text: str, decimals: int) -> int:
    """The units of a decimal text: "1.5" with 6 decimals is 1,500,000. Exact, or PRECISION."""
    limbs, encoded = (u64 * 4)(), text.encode()
    check(_parse(encoded or None, len(encoded), decimals, ctypes.addressof(limbs)))
    return int.from_bytes(bytes(limbs), "little")


def amount_from_bytes(data: bytes) -> int:
    """The units of 32 bytes, the most significant first, as chains encode them."""
    if len(data) != _BYTES:
        raise ValueError(f"an amount has {_BYTES} bytes, not {len(data)}")
    limbs, memory = (u64 * 4)(), ctypes.create_string_buffer(data, _BYTES)
    check(_from_bytes(ctypes.addressof(memory), ctypes.addressof(limbs)))
    return int.from_bytes(bytes(limbs), "little")


def amount_to_f64(units: int, decimals: int) -> float:
    """Units / 10^decimals, rounded once. OverflowError below 0 and above 2^256 - 1."""
    limbs, value = (u64 * 4).from_buffer_copy(units.to_bytes(_BYTES, "little")), f64()
    check(_to_f64(ctypes.addressof(limbs), decimals, ctypes.addressof(value)))
    return value.value
