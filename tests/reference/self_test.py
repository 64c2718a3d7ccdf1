"""The reference against cases worked out by hand, and compare.py against perturbed rows.

    self_test.py
"""

import contextlib
import csv
import io
import os
import random
import subprocess
import sys
import tempfile

import numpy as np

import features
import sampling
from recorded import BAR, BOOK, BUY, QUOTE, SELL, TRADE, UNKNOWN, Bar, Book, Event, Quote, Trade, stream_name

HERE = os.path.dirname(os.path.abspath(__file__))
STEP = 100
ids = iter(range(1, 1 << 30))


def trade(known, price=10.0, size=1.0, side=BUY, seq=None):
    return Event(known, 2, 0, TRADE, next(ids) if seq is None else seq, Trade(price, size, side))


def quote(known, bid=9.0, ask=11.0):
    return Event(known, 0, 0, QUOTE, next(ids), Quote(bid, 1.0 if bid else 0.0, ask, 3.0 if ask else 0.0))


def book(known, bids=((8.0, 2.0),), asks=((12.0, 6.0),), derived=True):
    return Event(known, 1, 0, BOOK, 0, Book(list(bids), list(asks), derived))


def steps(events, **options):
    return sampling.by_time(events, STEP, **options)


def same(got, want):
    assert np.array_equal(np.asarray(got, dtype=float), np.asarray(want, dtype=float), equal_nan=True), (list(got), want)


def test_interval_is_closed():
    s = steps([trade(100, 1.0), trade(101, 2.0), trade(200, 3.0), trade(300, 4.0)])
    same(s.time, [100, 200, 300])
    same(s.open, [1, 2, 4])
    same(s.close, [1, 3, 4])
    same(s.count, [1, 2, 1])


def test_last_row_bounds_the_steps():
    same(steps([trade(50), quote(399)]).time, [100, 200, 300])
    same(steps([trade(50), quote(400)]).time, [100, 200, 300, 400])


def test_first_step_holds_a_trade():
    s = steps([quote(50), quote(150), trade(301), quote(400)])
    same(s.time, [400])
    same(s.bid, [9])
    s = steps([trade(50), quote(150), quote(300)], price="mid")
    same(s.time, [200, 300])
    same(s.close, [10, 10])
    same(steps([quote(100)], price="micro").close, [9.5])


def test_step_without_a_trade_is_flat():
    s = steps([trade(50, 1.0), trade(60, 5.0), trade(70, 3.0), quote(200), quote(300)])
    same(s.high, [5, 3, 3])
    same(s.low, [1, 3, 3])
    same(s.volume, [3, 0, 0])


def test_silence_restarts_after_w_steps():
    for silent, restarts in ((2, 0), (3, 1)):
        events = [book(40), trade(50, 1.0), trade(100 * (silent + 1) + 50, 2.0), trade(100 * (silent + 2), 2.0)]
        s = steps(events, silent_steps=2)
        same(s.segment, [0] * 3 + [restarts])
        same(s.time, [100, 200, 300, 100 * (silent + 2)])
        same(np.isnan(s.depth_bid), [0, 0, 0, restarts])
    s = steps([trade(50)] + [quote(t) for t in range(150, 2001, 50)], silent_steps=2)
    assert len(s) == 20 and s.segment.max() == 0


def test_no_step_after_silence_before_a_trade():
    s = steps([trade(50), quote(550), quote(650), trade(750), quote(800)], silent_steps=2)
    same(s.time, [100, 200, 300, 800])


def test_refused_events_close_steps_and_count_for_nothing():
    s = steps([trade(50, 1.0, seq=7), trade(250, 9.0, seq=7)])
    same(s.time, [100, 200])
    same(s.count, [1, 0])
    assert s.counts["duplicate"] == 1
    s = steps([trade(50), trade(150), trade(140, 9.0), trade(200)])
    assert s.counts["late"] == 1 and s.high[1] == 10
    s = steps([trade(50), book(60, bids=((8.0, 1.0), (8.0, 1.0))), trade(90, size=0.0), quote(100)])
    assert s.counts["range"] == 2 and s.count[0] == 1 and np.isnan(s.depth_bid[0])


def test_sampled_book_gives_best_only_before_a_quote():
    s = steps([trade(50), book(100), quote(150), book(200), book(300, derived=False)])
    same(s.bid, [8, 9, 8])
    same(s.ask, [12, 11, 12])
    same(s.depth_ask, [6, 6, 6])


def test_book_columns():
    deep = [(float(20 - i), 1.0) for i in range(12)]
    rows = features.Rows(steps([trade(50), quote(60, ask=0.0), trade(150), book(160, deep, ()), trade(200)]))
    assert not rows.on[0, 10:15].any()
    same(rows.on[1, 10:15], [False, True, False, True, True])
    same(rows.exact[1, 11:15], [1, 0, 10, 0])


def test_taker_sides():
    def flow(sides):
        made = [trade(100 * i + 50, side=side) for i, side in enumerate(sides)] + [quote(100 * len(sides))]
        rows = features.Rows(steps(made))
        return rows.on[:, 15], rows.exact[:, 15]

    on, value = flow([BUY] * 5 + [SELL] * 15 + [UNKNOWN] + [BUY] * 20)
    same(np.flatnonzero(on), [19, 40])
    same(value[[19, 40]], [0.25, 1])


def bars(closes, volume=1.0, taker=None, skip=0):
    return [Event((i + 1) * 60, 0, i, BAR, 0, Bar(i * 60, 60, c, c, c, c, volume, taker)) for i, c in enumerate(closes)]


def test_flat_prices_have_the_page_values():
    rows = features.Rows(sampling.by_bar(bars([3.3] * 70, volume=0.0)))
    same(rows.exact[69, [3, 4, 7, 8, 9, 16, 17, 18, 19, 20, 21, 22, 24]], [0, 0, 0, 0, 0, 50, 0, 0.5, 50, -50, 0, 0, 0])
    want = sum(1 << i for i in range(25) if i not in range(10, 16))
    assert rows.mask[69] == want and features.Rows(sampling.by_bar(bars([1.0], taker=0.5))).mask[0] == 1 << 5


def test_taker_candles():
    rows = features.Rows(sampling.by_bar(bars([1.0] * 20, volume=4.0, taker=1.0)))
    assert rows.exact[19, 15] == 0.25 and not rows.on[19, 10:15].any()
    assert features.Rows(sampling.by_bar(bars([1.0] * 20, volume=0.0, taker=0.0))).exact[19, 15] == 0.5


def test_gaps():
    made = bars(range(1, 41))
    made = made[:10] + made[15:]
    s = sampling.by_bar(made)
    assert len(s) == 35 and s.segment.max() == 0 and s.counts["missing bars"] == 5
    assert sampling.by_bar(made, reset_after=6).segment.max() == 0
    rows = features.Rows(sampling.by_bar(made, reset_after=5))
    same(np.flatnonzero(~rows.on[:, 0]), [0, 10])


def test_missing():
    rows = features.Rows(sampling.by_bar(bars([0.0] + [1.0] * 11 + [1e300])))
    assert not rows.on[10, 24] and rows.on[11, 24]
    assert not rows.on[12, 0] and not rows.on[12, 23] and rows.on[12, 5]


def test_names():
    assert stream_name("l2/x/binance_coinm_BTCUSD_PERP_book10.csv.gz") == "binance_coinm:BTCUSD_PERP"
    assert stream_name("candles/binance_usdm_1m_2023/BTCUSDT.csv.gz") == "binance_usdm:BTCUSDT"
    assert stream_name("bars/coinbase_1m_2018/BTCUSD_trade.csv.gz") == "coinbase:BTCUSD"
    assert stream_name("rows.csv") is None


def candle_file(path, n=700, seed=5):
    rng, price = random.Random(seed), 100.0
    with open(path, "w") as file:
        file.write("open_time_ms,open,high,low,close,volume\n")
        for i in range(n):
            close = round(price + rng.gauss(0, 0.2), 2)
            high, low = max(price, close) + 0.1, min(price, close) - 0.1
            file.write(f"{i * 60_000},{price!r},{high!r},{low!r},{close!r},{rng.expovariate(1)!r}\n")
            price = close


def run(*args):
    made = subprocess.run([sys.executable, *args], capture_output=True, text=True, cwd=HERE)
    return made.returncode, made.stdout + made.stderr


def test_compare_sees_each_perturbation():
    with tempfile.TemporaryDirectory() as folder:
        source, rows, bad = (os.path.join(folder, n) for n in ("sim_a_X.csv", "rows.csv", "bad.csv"))
        candle_file(source)
        assert run("features.py", "--emit", rows, source)[0] == 0
        code, said = run("compare.py", rows, source)
        assert code == 0 and "agrees" in said, said
        with open(rows, newline="") as file:
            table = list(csv.reader(file))
        header = table[0]

        def refused(change, expect):
            copy = [list(r) for r in table]
            change(copy)
            with open(bad, "w", newline="") as out:
                csv.writer(out, lineterminator="\n").writerows(copy)
            code, said = run("compare.py", bad, source)
            assert (code == 1) == (expect is not None) and (expect or "agrees") in said, (code, expect, said)

        def scale(step, name, by):
            def change(t):
                cell = header.index(name)
                t[step + 1][cell] = repr(float(t[step + 1][cell]) * by)

            return change

        def put(step, name, value):
            return lambda t: t[step + 1].__setitem__(header.index(name), value)

        refused(lambda t: None, None)
        refused(put(0, "sma_5", ""), None)
        refused(scale(650, "rsi_14", 1 + 1e-10), None)
        for name in ("sma_5", "std_20", "volume_sum_60", "rsi_14", "atr_14", "cci_20", "bollinger_position", "roc_10"):
            refused(scale(650, name, 1 + 1e-6), f"step 650 (time_ns 39060000000000): {name}")
        refused(scale(650, "macd_12_26", 1.0001), "macd_12_26")
        refused(scale(100, "rsi_14", 1 + 5e-8), "rsi_14")
        refused(put(650, "rsi_14", "nan"), "rsi_14")
        refused(put(30, "valid_mask", str(int(table[31][-1]) ^ 1 << 16)), "differs in rsi_14")
        refused(put(12, "time_ns", "1"), "step 12: time_ns 1, expected")
        refused(lambda t: t.pop(), "699 steps, expected 700")
        refused(lambda t: t[0].reverse(), "header")


def main():
    tests = [(n, f) for n, f in globals().items() if n.startswith("test_")]
    for name, test in tests:
        with contextlib.redirect_stderr(io.StringIO()):
            test()
        print(f"ok {name}")
    print(f"{len(tests)} tests pass")


if __name__ == "__main__":
    main()
