/* Members, slots and tracks are switched off and on. Argument: a bundle with the members lr (0.5) and a (0.9). */
#include <math.h>
#include <pthread.h>

#include "check.h"

static foretick_prediction_t decided(foretick_lane_t lane, foretick_track_t track, uint32_t stream, int64_t minute) {
    foretick_bar_t bar = bar_of(stream, minute, 100.0, 100.0);
    foretick_flow_t flow = FORETICK_FLOW_INIT;
    foretick_prediction_t p;
    OK(foretick_lane_push(lane, &bar, 2, &flow));
    OK(foretick_track_predict(track, bar.head.known_ns, &p));
    return p;
}

static int near(double a, double b) {
    return fabs(a - b) < 1e-6;
}

static void members(foretick_engine_t engine, foretick_lane_t lane, foretick_track_t track, uint32_t stream) {
    foretick_member_t parts[2];
    foretick_details_t details = FORETICK_DETAILS_INIT;
    foretick_prediction_t p = decided(lane, track, stream, 0);
    CHECK(near(p.value, 0.7) && p.members_used == 2);
    OK(foretick_slot_enable(engine, TEXT("direction"), TEXT("a"), 0));
    p = decided(lane, track, stream, 1);
    CHECK(near(p.value, 0.5) && p.members_used == 1 && p.members_total == 2 && p.reasons == 0);
    details.members = parts;
    details.members_cap = 2;
    details.members_stride = sizeof parts[0];
    OK(foretick_track_details(track, &details));
    CHECK(parts[0].status == FORETICK_OK && parts[0].weight == 1.0);
    CHECK(parts[1].status == FORETICK_WRONG_STATE && parts[1].weight == 0.0 && isnan(parts[1].value));
    CHECK(isnan(details.expected_net));
    OK(foretick_slot_enable(engine, TEXT("direction"), TEXT("a"), 1));
    CHECK(near(decided(lane, track, stream, 2).value, 0.7));
}

static void slots(foretick_engine_t engine, foretick_lane_t lane, foretick_track_t track, uint32_t stream, const char *folder) {
    foretick_prediction_t p;
    OK(foretick_slot_enable(engine, TEXT("direction"), TEXT("a"), 0));
    OK(foretick_slot_enable(engine, TEXT("direction"), NULL, 0, 0));
    p = decided(lane, track, stream, 3);
    CHECK(FORETICK_SIGNAL_ACTION(p.signal) == FORETICK_ACTION_ABSTAIN && p.reasons == FORETICK_REASON_DISABLED && isnan(p.value));
    OK(foretick_bundle_close(published(engine, folder)));
    CHECK(decided(lane, track, stream, 4).reasons == FORETICK_REASON_DISABLED);
    OK(foretick_slot_enable(engine, TEXT("direction"), NULL, 0, 1));
    p = decided(lane, track, stream, 5);
    CHECK(p.reasons == 0 && near(p.value, 0.5)); /* a is still off */
    OK(foretick_slot_enable(engine, TEXT("direction"), TEXT("a"), 1));
}

static void tracks(foretick_engine_t engine, foretick_lane_t lane, foretick_track_t track, uint32_t stream) {
    foretick_track_t other = track_of(lane, stream), next = { 0 };
    OK(foretick_track_enable(track, 0));
    OK(foretick_track_enable(track, 0));
    CHECK(decided(lane, track, stream, 6).reasons == FORETICK_REASON_HOST_VETO);
    CHECK(decided(lane, other, stream, 7).reasons == 0);
    OK(foretick_track_enable(track, 1));
    CHECK(decided(lane, track, stream, 8).reasons == 0);
    /* a track that takes the place of another begins on, and the old handle switches nothing */
    OK(foretick_track_enable(other, 0));
    OK(foretick_track_close(other));
    IS(foretick_track_enable(other, 0), FORETICK_INVALID_HANDLE);
    next = track_of(lane, stream);
    CHECK(FORETICK_HANDLE_INDEX(next) == FORETICK_HANDLE_INDEX(other));
    IS(foretick_track_enable(other, 0), FORETICK_INVALID_HANDLE);
    CHECK(decided(lane, next, stream, 9).reasons == 0);
    OK(foretick_track_close(next));
    (void)engine;
}

static void wrong(foretick_engine_t engine, foretick_track_t track) {
    foretick_track_t none = { 0 };
    IS(foretick_slot_enable(engine, TEXT("nothing"), NULL, 0, 0), FORETICK_NOT_FOUND);
    CHECK(said("nothing") && said("direction"));
    IS(foretick_slot_enable(engine, TEXT("direction"), TEXT("xgb"), 0), FORETICK_NOT_FOUND);
    CHECK(said("xgb") && said("lr, a"));
    IS(foretick_slot_enable(engine, TEXT("direction"), "", 0, 0), FORETICK_NOT_FOUND); /* not the whole slot */
    IS(foretick_slot_enable(engine, NULL, 0, NULL, 0, 0), FORETICK_NOT_FOUND);
    IS(foretick_slot_enable(engine, NULL, 3, NULL, 0, 0), FORETICK_NULL_POINTER);
    IS(foretick_slot_enable(engine, TEXT("direction"), NULL, 1, 0), FORETICK_NULL_POINTER);
    IS(foretick_slot_enable(engine, TEXT("direction"), TEXT("\xff"), 0), FORETICK_NOT_UTF8);
    IS(foretick_slot_enable(engine, TEXT("direction"), NULL, 0, 2), FORETICK_INVALID_ARGUMENT);
    IS(foretick_slot_enable(engine, TEXT("direction"), TEXT("a"), -1), FORETICK_INVALID_ARGUMENT);
    IS(foretick_track_enable(track, 2), FORETICK_INVALID_ARGUMENT);
    IS(foretick_track_enable(none, 0), FORETICK_INVALID_HANDLE);
    IS(foretick_track_enable((foretick_track_t){ engine.id }, 0), FORETICK_INVALID_HANDLE);
}

/* What another thread switches while this one is inside the lane all the time. */
typedef struct veto_t {
    foretick_track_t track;
    int rounds;
    int done;
} veto_t;

static void *veto(void *argument) {
    veto_t *work = (veto_t *)argument;
    int round;
    for (round = 0; round < work->rounds; round++) OK(foretick_track_enable(work->track, round & 1));
    OK(foretick_track_enable(work->track, 0));
    __atomic_store_n(&work->done, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

static void from_another_thread(foretick_lane_t lane, foretick_track_t track, uint32_t stream) {
    veto_t work = { track, 20000, 0 };
    pthread_t thread;
    int64_t minute = 10;
    CHECK(pthread_create(&thread, NULL, veto, &work) == 0);
    while (!__atomic_load_n(&work.done, __ATOMIC_SEQ_CST)) {
        foretick_prediction_t p = decided(lane, track, stream, minute++);
        CHECK(p.reasons == 0 || p.reasons == FORETICK_REASON_HOST_VETO);
    }
    /* the call returned before this prediction began */
    CHECK(decided(lane, track, stream, minute++).reasons == FORETICK_REASON_HOST_VETO);
    CHECK(pthread_join(thread, NULL) == 0);
    OK(foretick_track_enable(track, 1));
    CHECK(decided(lane, track, stream, minute).reasons == 0);
}

int main(int argc, char **argv) {
    foretick_engine_t engine = engine_of("clock = \"host\"");
    foretick_lane_t lane = lane_of(engine);
    foretick_track_t track;
    uint32_t stream = stream_of(engine);
    CHECK(argc == 2);
    OK(foretick_bundle_close(published(engine, argv[1])));
    track = track_of(lane, stream);
    members(engine, lane, track, stream);
    slots(engine, lane, track, stream, argv[1]);
    tracks(engine, lane, track, stream);
    wrong(engine, track);
    from_another_thread(lane, track, stream);
    OK(foretick_engine_close(engine));
    IS(foretick_track_enable(track, 1), FORETICK_INVALID_HANDLE);
    IS(foretick_slot_enable(engine, TEXT("direction"), NULL, 0, 1), FORETICK_INVALID_HANDLE);
    return 0;
}
