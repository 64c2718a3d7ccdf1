"""Times as ns since the Unix epoch and as text."""

import datetime

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS


def ns_of(text: str) -> int:
    """A time with its zone, to the second."""
    return int(datetime.datetime.fromisoformat(text).timestamp()) * SECOND_NS


def text_of(ns: int) -> str:
    """The second that holds a time, in UTC."""
    return datetime.datetime.fromtimestamp(int(ns) // SECOND_NS, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
