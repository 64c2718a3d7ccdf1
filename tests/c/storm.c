/* Threads use handles while others close and open what stands behind them: every call answers one of the
 * statuses that fit, and nothing else happens. Argument: a bundle's folder. */
#include <pthread.h>
#include <sched.h>

#include "check.h"

enum { CALLERS = 3, ROUNDS = 300 };

static uint64_t lane_id, track_id;
static int done;
static uint64_t answers[CALLERS];

static int fits(foretick_status_t status) {
    return status == FORETICK_OK || status == FORETICK_BUSY || status == FORETICK_INVALID_HANDLE || status == FORETICK_CLOSING
           || status == FORETICK_NO_PREDICTION;
}

static void *call(void *argument) {
    uint64_t *answered = (uint64_t *)argument;
    while (!__atomic_load_n(&done, __ATOMIC_ACQUIRE)) {
        foretick_lane_t lane;
        foretick_track_t track;
        foretick_flow_t flow = FORETICK_FLOW_INIT;
        foretick_prediction_t prediction;
        foretick_details_t details = FORETICK_DETAILS_INIT;
        double row[2];
        size_t len = 0;
        foretick_trade_t trade = trade_of(1, START_NS, 100.0);
        lane.id = __atomic_load_n(&lane_id, __ATOMIC_RELAXED);
        track.id = __atomic_load_n(&track_id, __ATOMIC_RELAXED);
        CHECK(fits(foretick_lane_push(lane, &trade, 1, &flow)));
        CHECK(fits(foretick_lane_advance(lane, START_NS, &flow)));
        if (foretick_track_predict(track, START_NS, &prediction) == FORETICK_OK) {
            CHECK(prediction.track == FORETICK_HANDLE_INDEX(track));
            (*answered)++;
        }
        CHECK(fits(foretick_track_row(track, 0, row, 2, &len, NULL)));
        CHECK(fits(foretick_track_details(track, &details)));
    }
    return NULL;
}

static void until_closed(foretick_status_t (*close)(foretick_lane_t), foretick_lane_t lane) {
    foretick_status_t status;
    while ((status = close(lane)) == FORETICK_BUSY) sched_yield();
    OK(status);
}

/* One engine's life under the callers; rounds end it in different places. */
static void life(const char *folder, int round) {
    foretick_engine_t engine = engine_of("threads = 0\nclock = \"host\"");
    foretick_lane_t lane = lane_of(engine);
    foretick_track_t track = { 0 };
    foretick_status_t status;
    uint32_t stream = stream_of(engine);
    (void)published(engine, folder);
    __atomic_store_n(&lane_id, lane.id, __ATOMIC_RELAXED);
    while ((status = foretick_track_open(lane, TEXT("direction"), &stream, 1, 0, &track)) == FORETICK_BUSY) sched_yield();
    OK(status);
    __atomic_store_n(&track_id, track.id, __ATOMIC_RELAXED);
    sched_yield();
    if (round % 3 == 0) {
        while ((status = foretick_track_close(track)) == FORETICK_BUSY) sched_yield();
        OK(status);
    }
    if (round % 3 != 1) until_closed(foretick_lane_close, lane);
    OK(foretick_engine_close(engine));
    IS(foretick_lane_close(lane), FORETICK_INVALID_HANDLE);
}

int main(int argc, char **argv) {
    pthread_t threads[CALLERS];
    int i;
    CHECK(argc == 2);
    OK(foretick_init(FORETICK_ABI_VERSION));
    for (i = 0; i < CALLERS; i++) CHECK(pthread_create(&threads[i], NULL, call, &answers[i]) == 0);
    for (i = 0; i < ROUNDS; i++) life(argv[1], i);
    __atomic_store_n(&done, 1, __ATOMIC_RELEASE);
    for (i = 0; i < CALLERS; i++) CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK(answers[0] + answers[1] + answers[2] > 0);
    return 0;
}
