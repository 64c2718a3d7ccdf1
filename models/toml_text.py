"""Python values as TOML, in the order in which they are given; the same values give the same bytes."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Raw:
    """Text that stands in TOML as it is, such as a time."""

    text: str


def value(item: object) -> str:
    """One value on one line."""
    if isinstance(item, Raw):
        return item.text
    if isinstance(item, bool):
        return "true" if item else "false"
    if isinstance(item, (int, float)):
        return repr(item)
    if isinstance(item, str):
        return '"' + item.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(item, dict):
        return "{ " + ", ".join(f"{key} = {value(inner)}" for key, inner in item.items()) + " }"
    if isinstance(item, (list, tuple)):
        return "[" + ", ".join(value(inner) for inner in item) + "]"
    raise TypeError(f"{type(item)} has no form in TOML here")


def table(name: str, items: dict[str, object], lines_of: str = "") -> str:
    """A table with a key a line; the list `lines_of` has an item a line."""
    lines = [f"[{name}]"] if name else []
    for key, item in items.items():
        if key == lines_of:
            lines += [f"{key} = ["] + [f"  {value(inner)}," for inner in item] + ["]"]
        else:
            lines.append(f"{key} = {value(item)}")
    return "\n".join(lines) + "\n"
