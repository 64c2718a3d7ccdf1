/* The caller's own rows: an opportunity by its gas and depth. Argument: a bundle with the values gas, depth. */
#include <math.h>

#include "check.h"

static const int64_t NOW_NS = START_NS + MINUTE_NS;

static foretick_prediction_t scored(foretick_track_t track, double gas, double depth) {
    double row[2];
    foretick_prediction_t p;
    row[0] = gas;
    row[1] = depth;
    OK(foretick_track_predict_row(track, row, 2, NOW_NS, &p));
    return p;
}

static void decisions(foretick_track_t track) {
    foretick_details_t details = FORETICK_DETAILS_INIT;
    foretick_member_t parts[2];
    foretick_prediction_t p = scored(track, 2.0, 0.5);
    double expected = 1.0 / (1.0 + exp(-(2.0 + 2.0 * 0.75))); /* gas by zscore, depth by minmax of -1 to 1 */
    CHECK(FORETICK_SIGNAL_ACTION(p.signal) == FORETICK_ACTION_EXECUTE && p.reasons == 0);
    CHECK(fabs(p.value - expected) < 1e-6 && fabs(p.edge - 0.5) < 1e-6 && isnan(p.size_limit));
    CHECK(p.known_ns == NOW_NS && p.decided_ns == NOW_NS && p.valid_until_ns == NOW_NS + MINUTE_NS);
    details.members = parts;
    details.members_cap = 2;
    details.members_stride = sizeof parts[0];
    OK(foretick_track_details(track, &details));
    CHECK(details.id_counter == p.id_counter && fabs(details.expected_net - 0.5) < 1e-6 && details.features == 2 && details.rows == 1);
    CHECK(parts[1].status == FORETICK_OK && strcmp(parts[1].name, "net") == 0);
    CHECK(FORETICK_SIGNAL_ACTION(scored(track, 0.0, -0.5).signal) == FORETICK_ACTION_WAIT);
    CHECK(FORETICK_SIGNAL_ACTION(scored(track, -2.0, -0.5).signal) == FORETICK_ACTION_SKIP);
    p = scored(track, (double)NAN, 0.5);
    CHECK(FORETICK_SIGNAL_ACTION(p.signal) == FORETICK_ACTION_ABSTAIN && p.reasons == FORETICK_REASON_FEATURE_MISSING && p.missing == 1);
    CHECK(isnan(p.edge));
}

static void wrong(foretick_engine_t engine, foretick_track_t track) {
    double row[4] = { 1.0, 0.5, 0.0, 0.0 };
    double infinite[2] = { 1.0, (double)INFINITY };
    unsigned char room[sizeof(foretick_prediction_t) + 8];
    foretick_prediction_t p;
    memset(&p, 7, sizeof p);
    IS(foretick_track_predict_row(track, row, 1, NOW_NS, &p), FORETICK_SHAPE);
    CHECK(said("1 values") && said("2 features"));
    IS(foretick_track_predict_row(track, row, 3, NOW_NS, &p), FORETICK_SHAPE);
    IS(foretick_track_predict_row(track, NULL, 0, NOW_NS, &p), FORETICK_SHAPE);
    IS(foretick_track_predict_row(track, row, (size_t)-1, NOW_NS, &p), FORETICK_SHAPE);
    IS(foretick_track_predict_row(track, NULL, 2, NOW_NS, &p), FORETICK_NULL_POINTER);
    IS(foretick_track_predict_row(track, row, 2, NOW_NS, NULL), FORETICK_NULL_POINTER);
    IS(foretick_track_predict_row(track, (const double *)(const void *)((const char *)row + 4), 2, NOW_NS, &p), FORETICK_ALIGNMENT);
    IS(foretick_track_predict_row(track, row, 2, NOW_NS, (foretick_prediction_t *)(void *)(room + 4 - ((size_t)room & 7))), FORETICK_ALIGNMENT);
    IS(foretick_track_predict_row(track, infinite, 2, NOW_NS, &p), FORETICK_NOT_FINITE);
    CHECK(said("row[1]") && said("depth"));
    IS(foretick_track_predict_row(track, row, 2, -1, &p), FORETICK_INVALID_ARGUMENT);
    IS(foretick_track_predict_row(track, row, 2, 0, &p), FORETICK_INVALID_ARGUMENT); /* the clock is the host's */
    IS(foretick_track_predict_row((foretick_track_t){ engine.id }, row, 2, NOW_NS, &p), FORETICK_INVALID_HANDLE);
    CHECK(p.step == UINT64_C(0x0707070707070707)); /* nothing was written */
}

/* the result lies on the row itself: the row is read before the result is written */
static void overlap(foretick_track_t track) {
    union { double row[2]; foretick_prediction_t p; } room;
    foretick_prediction_t apart = scored(track, 1.0, 0.25);
    room.row[0] = 1.0;
    room.row[1] = 0.25;
    OK(foretick_track_predict_row(track, room.row, 2, NOW_NS, &room.p));
    CHECK(room.p.value == apart.value && room.p.reasons == 0);
}

/* the track's own step is asked for, repeated and due as if there were no rows */
static void own_step(foretick_lane_t lane, foretick_track_t track, uint32_t stream) {
    foretick_bar_t bar = bar_of(stream, 0, 100.0, 101.0);
    foretick_flow_t flow = FORETICK_FLOW_INIT;
    foretick_prediction_t own, again;
    OK(foretick_lane_push(lane, &bar, 2, &flow));
    CHECK(flow.waiting == 1);
    (void)scored(track, 1.0, 0.25);
    OK(foretick_lane_advance(lane, bar.head.known_ns, &flow));
    CHECK(flow.waiting == 1);
    OK(foretick_track_predict(track, NOW_NS, &own));
    CHECK(own.reasons == FORETICK_REASON_FEATURE_MISSING); /* what is given is in no row of the track's own */
    CHECK((FORETICK_SIGNAL_FLAGS(scored(track, 1.0, 0.25).signal) & FORETICK_SIGNAL_REPEAT) == 0);
    OK(foretick_track_predict(track, NOW_NS, &again));
    CHECK(again.id_counter == own.id_counter && (FORETICK_SIGNAL_FLAGS(again.signal) & FORETICK_SIGNAL_REPEAT) != 0);
}

int main(int argc, char **argv) {
    foretick_engine_t engine = engine_of("clock = \"host\"");
    foretick_lane_t lane = lane_of(engine);
    foretick_track_t track;
    uint32_t stream = stream_of(engine);
    CHECK(argc == 2);
    OK(foretick_bundle_close(published(engine, argv[1])));
    track = track_of(lane, stream);
    wrong(engine, track);
    decisions(track);
    overlap(track);
    own_step(lane, track, stream);
    OK(foretick_engine_close(engine));
    return 0;
}
