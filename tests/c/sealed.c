/* Hot calls make no system call: the thread gives up all but read, write and exit, and the kernel ends it at the first other one.
 * Argument: a bundle's folder; with a second one a call that must not be hot is made too. Answers 77 where threads cannot be sealed. */
#define _GNU_SOURCE
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check.h"

enum { STEPS = 10000, NOT_HERE = 77 };

static void step(foretick_engine_t engine, foretick_lane_t lane, foretick_track_t track, uint32_t stream, int64_t minute) {
    foretick_bar_t bar = bar_of(stream, minute, 100.0, 100.0 + (double)(minute % 3));
    foretick_flow_t flow = FORETICK_FLOW_INIT;
    foretick_prediction_t p;
    foretick_details_t details = FORETICK_DETAILS_INIT;
    foretick_track_t due[2];
    double row[2];
    size_t len = 0;
    int64_t closed = 0;
    OK(foretick_lane_push(lane, &bar, 2, &flow));
    OK(foretick_lane_due(lane, due, 2, &len));
    OK(foretick_track_predict(track, bar.head.known_ns, &p));
    OK(foretick_track_details(track, &details));
    OK(foretick_track_row(track, FORETICK_ROW_SCALED, row, 2, &len, &closed));
    OK(foretick_lane_advance(lane, bar.head.known_ns, &flow));
    OK(foretick_track_enable(track, (int32_t)(minute % 2)));
    OK(foretick_slot_enable(engine, TEXT("direction"), TEXT("lr"), (int32_t)(minute % 5 != 0)));
    CHECK(p.step == (uint64_t)minute && strcmp(foretick_status_name(FORETICK_OK), "OK") == 0);
}

static void score(foretick_scorer_t scorer) {
    const float rows[4] = { 0.5f, 0.25f, -0.5f, 1.0f };
    float out[8];
    foretick_scorer_info_t info = FORETICK_SCORER_INFO_INIT;
    OK(foretick_scorer_info(scorer, &info));
    OK(foretick_scorer_run(scorer, rows, 2, 0, out, 8));
}

int main(int argc, char **argv) {
    foretick_engine_t engine = engine_of("threads = 0\nclock = \"host\"");
    foretick_lane_t lane = lane_of(engine);
    foretick_track_t track;
    foretick_scorer_t scorer = { 0 };
    foretick_bundle_t bundle = { 0 };
    uint32_t stream;
    int64_t minute;
    CHECK(argc == 2 || argc == 3);
    (void)published(engine, argv[1]);
    stream = stream_of(engine);
    track = track_of(lane, stream);
    OK(foretick_scorer_open(engine, TEXT("direction"), TEXT("lr"), 0, &scorer));
    /* The first time binds what the linker left open. */
    step(engine, lane, track, stream, 0);
    score(scorer);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0) return NOT_HERE;
    for (minute = 1; minute < STEPS; minute++) {
        step(engine, lane, track, stream, minute);
        score(scorer);
    }
    if (argc == 3) IS(foretick_bundle_open(engine, TEXT("no/such/folder"), 0, &bundle), FORETICK_IO);
    return (int)syscall(SYS_exit, 0);
}
