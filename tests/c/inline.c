/* The shortest bot: one stream, its own thread, no queue. Argument: a bundle's folder (sampled by time). */
#include "check.h"

static long left = 400;

/* the feed: some trades, then silence, then the end */
static long feed_next(foretick_trade_t *trades, size_t cap) {
    size_t i;
    if (left <= 0) return -1;
    if (left-- % 4 == 0) return 0;
    for (i = 0; i < cap; i++) {
        trades[i] = trade_of(0, foretick_now_ns(), 100.0 + (double)(left % 10));
        trades[i].side = FORETICK_SIDE_BUY;
    }
    return (long)cap;
}

static unsigned decided, abstained;

static void decide(foretick_track_t track) {
    foretick_prediction_t p;
    OK(foretick_track_predict(track, 0, &p));
    switch (FORETICK_SIGNAL_ACTION(p.signal)) {
    case FORETICK_ACTION_BUY:
    case FORETICK_ACTION_SELL:
    case FORETICK_ACTION_HOLD:
        decided++;
        break;
    case FORETICK_ACTION_ABSTAIN:
        CHECK(p.reasons != 0);
        abstained++;
        break;
    default:
        CHECK(0);
    }
}

int main(int argc, char **argv) {
    static const char config[] = "threads = 1\n[models]\nbackends = [\"native\"]\n";
    foretick_engine_t engine = engine_of(config);
    foretick_bundle_t bundle;
    foretick_lane_t lane = lane_of(engine);
    foretick_track_t track;
    foretick_trade_t trades[64];
    uint32_t stream;
    long count;
    CHECK(argc == 2);
    bundle = published(engine, argv[1]);
    stream = stream_of(engine);
    track = track_of(lane, stream);
    decide(track); /* nothing is known yet: an abstention that says so */
    while ((count = feed_next(trades, 64)) >= 0) {
        foretick_flow_t flow = FORETICK_FLOW_INIT;
        size_t at = 0, i, n = (size_t)count;
        for (i = 0; i < n; i++) trades[i].head.stream = stream;
        if (n == 0) { /* silence closes steps too */
            int64_t until = foretick_now_ns() + 2000000;
            while (foretick_now_ns() <= until) { }
            OK(foretick_lane_advance(lane, until, &flow));
            if (flow.closed > 0) decide(track);
        }
        while (at < n) { /* a trade is one slot; push returns after an event that closes a step */
            OK(foretick_lane_push(lane, &trades[at], n - at, &flow));
            at += (size_t)flow.taken;
            if (flow.closed > 0) decide(track);
        }
    }
    CHECK(decided > 10 && abstained > 0);
    foretick_bundle_close(bundle);
    foretick_engine_close(engine); /* closes lane and track */
    return 0;
}
