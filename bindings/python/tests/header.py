"""Every constant, struct and signature of the package is the header's, and none of the header's is missing. Argument: the header."""

import ctypes
import re
import sys
from enum import Enum
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from foretick import constants, native, records

SOURCE = Path(sys.argv[1]).read_text()
HEADER = re.sub(r"//[^\n]*", "", SOURCE)

# Which prefix a class of constants has in the header.
PREFIXES = {"Status": "", "Event": "EVENT_", "MarkCode": "MARK_", "BarKnown": "BAR_"}

# Names of structs that are not the header's own word.
STRUCTS = {"event": "EventHead", "details": "DetailsRecord", "scorer_info": "ScorerInfo"}

SCALARS = {
    "uint8_t": ctypes.c_uint8,
    "uint16_t": ctypes.c_uint16,
    "uint32_t": ctypes.c_uint32,
    "uint64_t": ctypes.c_uint64,
    "int32_t": ctypes.c_int32,
    "int64_t": ctypes.c_int64,
    "float": ctypes.c_float,
    "double": ctypes.c_double,
    "size_t": ctypes.c_size_t,
    "char": ctypes.c_char,
    "foretick_status_t": ctypes.c_int32,
}


def number(value):
    """A constant's value: a decimal, or a bit."""
    bit = re.fullmatch(r"\(1ull << (\d+)\)", value)
    return 1 << int(bit[1]) if bit else int(value)


def constants_of_header():
    found = re.findall(r"^#define FORETICK_(\w+) (\(1ull << \d+\)|\d+)$", HEADER, re.MULTILINE)
    return {name: number(value) for name, value in found}


def constants_of_package():
    for name, value in vars(constants).items():
        if isinstance(value, int):
            yield name, value
        elif isinstance(value, type) and issubclass(value, Enum) and value.__module__ == constants.__name__:
            prefix = PREFIXES.get(name, name.upper() + "_")
            yield from ((prefix + member, number.value) for member, number in value.__members__.items())


def same(what, ours, theirs):
    missing, unknown = sorted(theirs.keys() - ours.keys()), sorted(ours.keys() - theirs.keys())
    differing = [f"{name}: {ours[name]}, in the header {theirs[name]}" for name in ours.keys() & theirs.keys() if ours[name] != theirs[name]]
    if missing or unknown or differing:
        sys.exit(f"{what}: missing {missing}, not in the header {unknown}, different {differing}")
    return len(ours)


def python_name(name):
    return STRUCTS.get(name, name.title())


def field_type(words):
    """The ctypes type of a C declaration without its name."""
    words = words.replace("const ", "").replace("struct ", "").strip()
    if words.endswith("*"):
        return ctypes.c_void_p
    return SCALARS.get(words) or (ctypes.c_uint64 if is_handle(words) else getattr(records, python_name(words[9:-2])))


def is_handle(name):
    return bool(re.search(r"typedef struct %s \{\s*uint64_t id;\s*\} %s;" % (name, name), HEADER))


def fields_of_header(body):
    for words, name, count in re.findall(r"^\s*(.+?)(\w+)(?:\[(\w+)\])?;", body, re.MULTILINE):
        kind = field_type(words)
        yield name, kind, int(count) if count.isdigit() else (constants.DELTA_CHANGES if count else 1)


def shape(name, kind, count):
    return name, (kind._type_, kind._length_) if issubclass(kind, ctypes.Array) else (kind, count)


def structs():
    found = re.findall(r"typedef struct foretick_(\w+)_t \{(.*?)\} foretick_\1_t;", HEADER, re.DOTALL)
    theirs = {python_name(name): [shape(*field) for field in fields_of_header(body)] for name, body in found if not is_handle(f"foretick_{name}_t")}
    classes = {name: kind for name, kind in vars(records).items() if isinstance(kind, type) and issubclass(kind, ctypes.Structure) and "_fields_" in vars(kind)}
    ours = {name: [shape(*field, 1) for field in kind._fields_] for name, kind in classes.items()}
    return same("structs", ours, theirs)


def argument(declared):
    """The ctypes type that a parameter may have; a text's pointer is a text."""
    words = re.sub(r"\w+$", "", declared.strip())
    return "char *" if words.replace("const ", "").strip() == "char *" and "const" in words else field_type(words)


def signatures():
    found = re.findall(r"^(?:FORETICK_NODISCARD\s+)?(const char \*|\w+ )foretick_(\w+)\(([^)]*)\);", HEADER, re.MULTILINE)
    theirs = {name: [argument(part) for part in ([] if parts == "void" else parts.split(","))] for _, name, parts in found}
    # A constant text may be given as one, everything else by its address.
    given = {name: [("char *" if kind is native.text else kind) for kind in kinds] for name, (_, kinds) in native.SIGNATURES.items()}
    results = {name: "char *" if "*" in kind else SCALARS[kind.strip()] for kind, name, _ in found}
    same("results", {name: "char *" if kind is native.text else kind for name, (kind, _) in native.SIGNATURES.items()}, results)
    return same("signatures", given, theirs)


def main():
    counts = same("constants", dict(constants_of_package()), constants_of_header()), structs(), signatures()
    print('{"constants": %d, "structs": %d, "functions": %d}' % counts)


main()
