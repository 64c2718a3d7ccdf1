/* A whole life: open, publish, push bars until there are decisions, read what stands behind them, swap,
 * close. Argument: a bundle's folder. */
#include <math.h>

#include "check.h"

/* the bundle's regression: 4 momentum_1 / close + volume / 2 + 1/4 */
static double expected(double before, double close, double volume) {
    return 1.0 / (1.0 + exp(-(4.0 * (close - before) / close + 0.5 * volume + 0.25)));
}

static void check_rows(foretick_track_t track, double before, double close) {
    double raw[2], scaled[2];
    size_t len = 0;
    int64_t close_ns = 0;
    OK(foretick_track_row(track, 0, raw, 2, &len, &close_ns));
    CHECK(len == 2 && close_ns > START_NS);
    CHECK(fabs(raw[0] - (close - before)) < 1e-9 && raw[1] == 1.0);
    OK(foretick_track_row(track, FORETICK_ROW_SCALED, scaled, 2, &len, NULL));
    CHECK(fabs(scaled[0] - raw[0] / close) < 1e-6 && scaled[1] == 1.0);
    len = 0;
    IS(foretick_track_row(track, 0, raw, 1, &len, NULL), FORETICK_BUFFER_TOO_SMALL);
    CHECK(len == 2);
}

static void check_details(foretick_track_t track, const foretick_prediction_t *prediction) {
    foretick_details_t details = FORETICK_DETAILS_INIT;
    foretick_output_t outputs[4];
    foretick_member_t members[4];
    uint64_t missing[2] = { 99, 99 };
    details.outputs = outputs;
    details.outputs_cap = 4;
    details.members = members;
    details.members_cap = 4;
    details.missing = missing;
    details.missing_cap = 2;
    OK(foretick_track_details(track, &details));
    CHECK(details.id_epoch == prediction->id_epoch && details.id_counter == prediction->id_counter);
    CHECK(details.features == 2 && details.rows == 1 && details.feature_hash != 0);
    CHECK(details.outputs_len == 1 && (float)outputs[0].value == prediction->value && isnan(outputs[0].lower));
    CHECK(details.members_len == 1 && members[0].status == FORETICK_OK && members[0].weight == 1.0);
    CHECK(members[0].backend == FORETICK_BACKEND_NATIVE && (float)members[0].value == prediction->raw);
    CHECK(details.missing_len == 1 && missing[0] == 0 && missing[1] == 99);
    CHECK(isnan(details.expected_net) && isnan(details.phase_confidence));
}

static void step(foretick_lane_t lane, foretick_track_t track, uint32_t stream, int64_t minute, double before, double close) {
    foretick_bar_t bar = bar_of(stream, minute, before, close);
    foretick_flow_t flow = FORETICK_FLOW_INIT;
    foretick_prediction_t p, again;
    foretick_track_t due[2];
    size_t len = 0;
    uint32_t bits;
    float probability;
    double wanted = expected(before, close, 1.0);
    OK(foretick_lane_push(lane, &bar, 2, &flow));
    CHECK(flow.taken == 2 && flow.closed == 1 && flow.waiting == 1 && flow.skipped == 0);
    IS(foretick_lane_due(lane, NULL, 0, &len), FORETICK_BUFFER_TOO_SMALL);
    CHECK(len == 1);
    OK(foretick_lane_due(lane, due, 2, &len));
    CHECK(len == 1 && due[0].id == track.id);
    OK(foretick_track_predict(track, bar.head.known_ns + 1000, &p));
    OK(foretick_lane_due(lane, due, 2, &len));
    CHECK(len == 0 && p.decided_ns == bar.head.known_ns + 1000 && p.step == (uint64_t)minute);
    if (minute == 0) {
        CHECK(FORETICK_SIGNAL_ACTION(p.signal) == FORETICK_ACTION_ABSTAIN && (p.reasons & FORETICK_REASON_NOT_READY) != 0);
        return;
    }
    CHECK(p.reasons == 0 && fabs((double)p.value - wanted) < 1e-5);
    CHECK(FORETICK_SIGNAL_ACTION(p.signal) == (wanted >= 0.55 ? FORETICK_ACTION_BUY : wanted <= 0.45 ? FORETICK_ACTION_SELL : FORETICK_ACTION_HOLD));
    CHECK((FORETICK_SIGNAL_FLAGS(p.signal) & FORETICK_SIGNAL_VALUE) != 0 && FORETICK_SIGNAL_SEQUENCE(p.signal) == (uint16_t)minute);
    bits = FORETICK_SIGNAL_PROBABILITY_BITS(p.signal);
    memcpy(&probability, &bits, sizeof probability);
    CHECK(probability == p.value && p.valid_until_ns == bar.head.known_ns + MINUTE_NS);
    OK(foretick_track_predict(track, bar.head.known_ns + 2000, &again));
    CHECK((FORETICK_SIGNAL_FLAGS(again.signal) & FORETICK_SIGNAL_REPEAT) != 0 && again.id_counter == p.id_counter);
    check_rows(track, before, close);
    check_details(track, &p);
}

static void texts(foretick_engine_t engine, foretick_bundle_t bundle) {
    static char text[1 << 16];
    size_t len = 0;
    OK(foretick_engine_metrics(engine, text, sizeof text - 1, &len));
    text[len] = 0;
    CHECK(strstr(text, "foretick_steps_total{lane=\"0\"} 40\n") != NULL);
    OK(foretick_bundle_describe(bundle, text, sizeof text - 1, &len));
    text[len] = 0;
    CHECK(text[0] == '{' && strstr(text, "\"momentum_1\"") != NULL);
}

int main(int argc, char **argv) {
    foretick_engine_t engine = engine_of("clock = \"host\"\nthreads = 1\n");
    foretick_lane_t lane = lane_of(engine);
    foretick_bundle_t bundle;
    foretick_publish_t item = FORETICK_PUBLISH_INIT;
    foretick_flow_t flow = FORETICK_FLOW_INIT;
    foretick_track_t track;
    foretick_prediction_t p;
    uint64_t generation = 0;
    uint32_t stream;
    double price = 100.0;
    int minute;
    CHECK(argc == 2);
    bundle = published(engine, argv[1]);
    stream = stream_of(engine);
    CHECK(stream == 1 && stream_of(engine) == 1);
    track = track_of(lane, stream);
    for (minute = 0; minute < 40; minute++) {
        double next = price * (1.0 + 0.3 * sin((double)minute));
        step(lane, track, stream, minute, price, next);
        price = next;
    }
    OK(foretick_lane_advance(lane, START_NS + 60 * MINUTE_NS, &flow));
    CHECK(flow.closed == 0 && flow.waiting == 0);
    texts(engine, bundle);
    /* a swap: the next new step is answered by the new generation */
    item.slot = "direction";
    item.slot_len = 9;
    item.bundle = bundle;
    OK(foretick_slot_publish(engine, &item, 1, &generation));
    OK(foretick_bundle_close(bundle));
    IS(foretick_track_predict(track, 0, &p), FORETICK_INVALID_ARGUMENT); /* the clock is the host's */
    OK(foretick_track_predict(track, START_NS + 100 * MINUTE_NS, &p));
    CHECK((FORETICK_SIGNAL_FLAGS(p.signal) & FORETICK_SIGNAL_REPEAT) != 0 && p.generation + 1 == generation);
    {
        foretick_bar_t bar = bar_of(stream, 61, price, price);
        OK(foretick_lane_push(lane, &bar, 2, &flow));
        OK(foretick_track_predict(track, bar.head.known_ns, &p));
        CHECK(p.generation == generation && (p.reasons & FORETICK_REASON_GAP) != 0);
    }
    OK(foretick_track_close(track));
    OK(foretick_lane_close(lane));
    OK(foretick_engine_close(engine));
    return 0;
}
