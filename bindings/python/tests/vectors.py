"""Runs the cases of tests/vectors/calls. Arguments: their folder, the repository."""

import struct
import sys
from array import array
from pathlib import Path
from urllib.parse import unquote

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import foretick


def plain(word):
    return "" if word == "-" else unquote(word)


def raw(word):
    return b"" if word == "-" else bytes.fromhex(word)


def digits(data):
    return bytes(data).hex() or "-"


def double(value):
    return struct.pack("<d", value).hex()


def flow(made):
    return [made.closed, made.taken, made.reasons, made.skipped, made.conflated, made.predicted, made.waiting]


def name(text):
    return text.decode()


class Calls:
    """What a case has opened, by its names."""

    def __init__(self, folder, root):
        self.folder, self.root = Path(folder), Path(root)
        self.named, self.results = {}, {}

    def answer(self, call):
        verb, *words = call.split(" ")
        if verb == "events":
            self.events = foretick.Events.read(self.folder / words[0])
            return ""
        try:
            return " ".join(["OK", *map(str, getattr(self, verb)(*words))])
        except foretick.Error as error:
            assert error.text, call
            return error.name

    def close(self):
        self.case.close()

    def engine(self, options):
        self.case = foretick.Engine(plain(options))
        return []

    def bundle(self, at, folder):
        self.named[at] = self.case.open_bundle(self.root / plain(folder))
        return []

    def publish(self, *words):
        pairs = zip(words[::2], words[1::2])
        return self.case.publish({plain(slot): self.named[bundle] for slot, bundle in pairs})

    def stream(self, at, options):
        return [self.case.add_stream(plain(at), plain(options))]

    def lane(self, at, options):
        self.named[at] = self.case.open_lane(plain(options))
        return []

    def track(self, at, lane, slot, flags, *streams):
        ids = [int(stream) for stream in streams]
        self.named[at] = self.named[lane].open_track(plain(slot), ids, int(flags))
        return [self.named[at].index]

    def slots(self, events):
        if events.startswith("@"):
            return [self.events, *map(int, events[1:].split("+"))]
        return [foretick.Events.of(raw(events))]

    def push(self, lane, events):
        return flow(self.named[lane].push(*self.slots(events)))

    def amount_parse(self, text, decimals):
        return [foretick.amount_parse(plain(text), int(decimals)).to_bytes(32, "little").hex()]

    def amount_bytes(self, data):
        return [foretick.amount_from_bytes(raw(data)).to_bytes(32, "little").hex()]

    def amount_f64(self, limbs, decimals):
        return [double(foretick.amount_to_f64(int.from_bytes(raw(limbs), "little"), int(decimals)))]

    def warm(self, lane, events):
        return flow(self.named[lane].warm(*self.slots(events)))

    def snapshot(self, lane, at):
        self.results[at] = self.named[lane].snapshot()
        return []

    def restore(self, lane, at):
        self.named[lane].restore(self.results[at])
        return []

    def restore_bytes(self, lane, data):
        self.named[lane].restore(raw(data))
        return []

    def link(self, at, lane, options):
        self.named[at] = self.named[lane].open_link(plain(options))
        return []

    def link_push(self, link, events):
        return flow(self.named[link].push(*self.slots(events)))

    def link_all(self, link, events):
        self.named[link].push_all(*self.slots(events))
        return []

    def poll(self, lane, slots, now_ns):
        return flow(self.named[lane].poll(int(slots), int(now_ns)))

    def attach(self, track):
        self.results[track] = self.named[track].attach(foretick.ResultMemory())
        return []

    def result(self, track):
        memory = self.results[track]
        found = memory.read()
        assert memory.signal() == found.signal
        return [digits(found.comparable())]

    def maintain(self, budget_ns):
        return [int(self.case.maintain(int(budget_ns)))]

    def advance(self, lane, until_ns):
        return flow(self.named[lane].advance(int(until_ns)))

    def due(self, lane):
        return sorted(track & 0xFFFFFF for track in self.named[lane].due())

    def predict(self, track, now_ns):
        return [digits(self.named[track].predict(int(now_ns)).comparable())]

    def predict_row(self, track, now_ns, row):
        return [digits(self.named[track].predict_row(array("d", raw(row)), int(now_ns)).comparable())]

    def row(self, track, flags):
        row = self.named[track].row(int(flags))
        return [row.close_ns, digits(row.values)]

    def details(self, track):
        made = self.named[track].details()
        record = made.record
        yield from [record.id_counter, record.features, record.rows, struct.pack("<Q", record.feature_hash).hex()]
        yield from [double(record.phase_confidence), double(record.expected_net), digits(array("Q", made.missing))]
        for o in made.outputs:
            yield ":".join(["o", name(o.name), str(o.output), str(o.task), str(o.horizon), *map(double, (o.value, o.raw, o.lower, o.upper))])
        for m in made.members:
            status = foretick.status_name(m.status)
            yield ":".join(["m", name(m.name), str(m.member), str(m.output), str(m.backend), status, double(m.value), double(m.weight)])

    def slot_enable(self, slot, member, on):
        self.case.enable(plain(slot), plain(member), on == "1")
        return []

    def prepare(self, track):
        self.named[track].prepare()
        return []

    def prepare_scorer(self, scorer):
        self.named[scorer].prepare()
        return []

    def track_enable(self, track, on):
        self.named[track].enable(on == "1")
        return []

    def scorer(self, at, slot, model, flags):
        scorer = self.named[at] = self.case.open_scorer(plain(slot), plain(model), int(flags))
        info = scorer.info
        return [info.features, info.window, info.outputs, info.generation, info.backend, info.flags]

    def score(self, at, rows, stride, values):
        return self.scored(self.named[at].run, self.named[at], rows, stride, values)

    def score_next(self, at, rows, stride, values):
        return self.scored(self.named[at].next, self.named[at], rows, stride, values)

    def scored(self, how, scorer, rows, stride, values):
        out = how(array("d" if scorer.info.flags else "f", raw(values)), int(stride))
        assert len(out) == int(rows) * scorer.info.outputs
        return [digits(out)]


def run(path, root):
    calls, made, compared = Calls(path.parent, root), 0, 0
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line and not line.startswith("#"):
            call, _, wanted = line.partition(" -> ")
            answer = calls.answer(call)
            if answer != wanted:
                sys.exit(f"{path}:{number}: {answer}\nwanted {wanted}")
            made, compared = made + 1, compared + len(wanted)
    calls.close()
    return made, compared


def main():
    cases = sorted(Path(sys.argv[1]).glob("*.case"))
    counts = [run(path, sys.argv[2]) for path in cases]
    print(f'{{"cases": {len(cases)}, "calls": {sum(made for made, _ in counts)}, "bytes": {sum(size for _, size in counts)}}}')


main()
