"""Drives a recording of `foretick demo --record` to its end. Arguments: the recording, the folder models/sim."""

import json
import struct
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import foretick

MASK = (1 << 64) - 1


class Decided:
    """What a run decided."""

    def __init__(self):
        self.events, self.predictions, self.digest, self.actions = 0, 0, 0xCBF29CE484222325, Counter()

    def take(self, prediction):
        for word in struct.unpack("<16Q", prediction.comparable()):
            self.digest = (self.digest ^ word) * 0x100000001B3 & MASK
            self.digest ^= self.digest >> 32
        self.predictions += 1
        self.actions[prediction.action.name] += 1


def drive(path, models):
    table, events, decided = json.loads(Path(f"{path}.streams.json").read_text()), foretick.Events.read(path), Decided()
    assert len(events) == table["slots"]
    published = {item["at_slot"]: item for item in table["published"]}
    with foretick.Engine('clock = "host"\nthreads = 0\n') as engine:

        def publish(at):
            """Publishes what the table wants published here; where it next wants that, or the end."""
            if at in published:
                engine.publish({published[at]["slot"]: engine.open_bundle(models / published[at]["bundle"])})
            return min((slot for slot in published if slot > at), default=len(events))

        end = publish(0)
        for stream in table["streams"]:
            assert engine.add_stream(stream["name"], stream["options"]) == stream["id"]
        lane = engine.open_lane()
        tracks = [lane.open_track(track["slot"], track["streams"], track["flags"]) for track in table["tracks"]]
        at = 0
        while at < len(events):
            flow = lane.push(events, at, end - at)
            taken = at + flow.taken
            for head in events.heads(at, taken):
                decided.events += 1
                known_ns = head.known_ns
            if flow.closed:
                due = lane.due()
                for track in tracks:
                    if track.id in due:
                        decided.take(track.predict(known_ns))
            at = taken
            if at == end:
                end = publish(at)
    return decided


def main():
    decided = drive(sys.argv[1], Path(sys.argv[2]))
    print(json.dumps({"events": decided.events, "predictions": decided.predictions, "digest": f"{decided.digest:016x}", **decided.actions}))


main()
