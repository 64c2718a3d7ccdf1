/* Handles that are zero, closed, of another kind or of another engine. Argument: a bundle's folder. */
#include "check.h"

static void zero(void) {
    foretick_engine_t engine = { 0 };
    foretick_bundle_t bundle = { 0 };
    foretick_lane_t lane = { 0 };
    foretick_track_t track = { 0 };
    foretick_flow_t flow = FORETICK_FLOW_INIT;
    foretick_prediction_t prediction;
    size_t len = 7;
    OK(foretick_engine_close(engine));
    OK(foretick_bundle_close(bundle));
    OK(foretick_lane_close(lane));
    OK(foretick_track_close(track));
    IS(foretick_engine_metrics(engine, NULL, 0, &len), FORETICK_INVALID_HANDLE);
    IS(foretick_bundle_describe(bundle, NULL, 0, &len), FORETICK_INVALID_HANDLE);
    IS(foretick_lane_advance(lane, 1, &flow), FORETICK_INVALID_HANDLE);
    IS(foretick_lane_due(lane, NULL, 0, &len), FORETICK_INVALID_HANDLE);
    IS(foretick_track_predict(track, 0, &prediction), FORETICK_INVALID_HANDLE);
    CHECK(len == 7);
}

static void random_bits(void) {
    foretick_prediction_t prediction;
    foretick_flow_t flow = FORETICK_FLOW_INIT;
    uint64_t bits = 88172645463325252u;
    int i;
    for (i = 0; i < 100000; i++) {
        foretick_lane_t lane;
        foretick_track_t track;
        bits ^= bits << 13;
        bits ^= bits >> 7;
        bits ^= bits << 17;
        lane.id = (bits & ~(UINT64_C(15) << 60)) | UINT64_C(3) << 60;
        track.id = (bits & ~(UINT64_C(15) << 60)) | UINT64_C(4) << 60;
        IS(foretick_lane_advance(lane, 1, &flow), FORETICK_INVALID_HANDLE);
        IS(foretick_track_predict(track, 0, &prediction), FORETICK_INVALID_HANDLE);
    }
}

int main(int argc, char **argv) {
    foretick_engine_t engine = engine_of(""), second = engine_of("threads = 0");
    foretick_lane_t lane = lane_of(engine), other = lane_of(second), mixed;
    foretick_bundle_t bundle, foreign, again = { 0 };
    foretick_track_t track, next;
    foretick_flow_t flow = FORETICK_FLOW_INIT;
    foretick_publish_t item = FORETICK_PUBLISH_INIT;
    foretick_prediction_t prediction;
    uint64_t generation = 0;
    uint32_t stream;
    int i;
    CHECK(argc == 2);
    zero();
    random_bits();
    bundle = published(engine, argv[1]);
    foreign = published(second, argv[1]);
    stream = stream_of(engine);
    track = track_of(lane, stream);
    CHECK(FORETICK_HANDLE_INDEX(track) == 0 && FORETICK_HANDLE_INDEX(lane) == 0 && FORETICK_HANDLE_INDEX(other) == 0);
    OK(foretick_track_predict(track, 0, &prediction));
    CHECK(prediction.track == FORETICK_HANDLE_INDEX(track));

    /* another kind */
    mixed.id = track.id;
    IS(foretick_lane_advance(mixed, 1, &flow), FORETICK_INVALID_HANDLE);
    mixed.id = engine.id;
    IS(foretick_lane_close(mixed), FORETICK_INVALID_HANDLE);

    /* another engine */
    item.slot = "direction";
    item.slot_len = 9;
    item.bundle = foreign;
    IS(foretick_slot_publish(engine, &item, 1, &generation), FORETICK_INVALID_HANDLE);

    /* closed twice, and used after */
    OK(foretick_track_close(track));
    IS(foretick_track_close(track), FORETICK_INVALID_HANDLE);
    IS(foretick_track_predict(track, 0, &prediction), FORETICK_INVALID_HANDLE);
    next = track_of(lane, stream);
    CHECK(FORETICK_HANDLE_INDEX(next) == 0 && next.id != track.id);
    IS(foretick_track_predict(track, 0, &prediction), FORETICK_INVALID_HANDLE);
    OK(foretick_track_predict(next, 0, &prediction));
    OK(foretick_lane_close(lane));
    IS(foretick_lane_close(lane), FORETICK_INVALID_HANDLE);
    IS(foretick_track_predict(next, 0, &prediction), FORETICK_INVALID_HANDLE);
    IS(foretick_track_close(next), FORETICK_INVALID_HANDLE);
    OK(foretick_bundle_close(bundle));
    IS(foretick_bundle_close(bundle), FORETICK_INVALID_HANDLE);

    /* what was published lives on; a lane reuses the number and not the handle */
    mixed = lane;
    lane = lane_of(engine);
    CHECK(FORETICK_HANDLE_INDEX(lane) == 0 && lane.id != mixed.id);
    track = track_of(lane, stream);
    OK(foretick_bundle_open(engine, argv[1], strlen(argv[1]), 0, &again));

    /* the engine takes all of it along */
    OK(foretick_engine_close(engine));
    IS(foretick_engine_close(engine), FORETICK_INVALID_HANDLE);
    IS(foretick_lane_advance(lane, 1, &flow), FORETICK_INVALID_HANDLE);
    IS(foretick_track_predict(track, 0, &prediction), FORETICK_INVALID_HANDLE);
    IS(foretick_bundle_close(again), FORETICK_INVALID_HANDLE);
    OK(foretick_lane_advance(other, 1, &flow));
    OK(foretick_engine_close(second));

    /* engines come and go on the same number, and never under the same handle */
    for (i = 0; i < 50; i++) {
        foretick_engine_t fresh = engine_of("threads = 0");
        foretick_lane_t inside = lane_of(fresh);
        CHECK(fresh.id != engine.id && inside.id != lane.id);
        IS(foretick_lane_advance(lane, 1, &flow), FORETICK_INVALID_HANDLE);
        OK(foretick_engine_close(fresh));
    }
    return 0;
}
