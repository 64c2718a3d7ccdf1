/* In a child made by fork every fallible call answers FORKED and the parent goes on. Argument: a bundle's folder.
 * 20 children, or as many as FORETICK_STORM says. */
#define _POSIX_C_SOURCE 200809L
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static void child(foretick_engine_t engine, foretick_bundle_t bundle, foretick_lane_t lane, foretick_track_t track) {
    foretick_flow_t flow = FORETICK_FLOW_INIT;
    foretick_prediction_t prediction;
    size_t len = 0;
    IS(foretick_lane_advance(lane, START_NS, &flow), FORETICK_FORKED);
    CHECK(said("fork"));
    IS(foretick_track_predict(track, 0, &prediction), FORETICK_FORKED);
    IS(foretick_track_predict_row(track, NULL, 0, 0, &prediction), FORETICK_FORKED);
    IS(foretick_track_prepare(track), FORETICK_FORKED);
    IS(foretick_track_enable(track, 0), FORETICK_FORKED);
    IS(foretick_slot_enable(engine, TEXT("direction"), NULL, 0, 0), FORETICK_FORKED);
    IS(foretick_engine_metrics(engine, NULL, 0, &len), FORETICK_FORKED);
    IS(foretick_track_close(track), FORETICK_FORKED);
    IS(foretick_lane_close(lane), FORETICK_FORKED);
    IS(foretick_bundle_close(bundle), FORETICK_FORKED);
    IS(foretick_engine_close(engine), FORETICK_FORKED);
    IS(foretick_engine_open(NULL, 0, &engine), FORETICK_FORKED);
    IS(foretick_build_info(NULL, 0, &len), FORETICK_FORKED);
    IS(foretick_init(FORETICK_ABI_VERSION), FORETICK_FORKED);
    CHECK(foretick_abi_version() == FORETICK_ABI_VERSION && foretick_now_ns() > 0);
}

int main(int argc, char **argv) {
    foretick_engine_t engine = engine_of("");
    foretick_bundle_t bundle;
    foretick_lane_t lane = lane_of(engine);
    foretick_track_t track;
    foretick_flow_t flow = FORETICK_FLOW_INIT;
    const char *storm = getenv("FORETICK_STORM");
    int round, rounds = storm != NULL ? atoi(storm) : 20;
    CHECK(argc == 2 && rounds > 0);
    bundle = published(engine, argv[1]);
    track = track_of(lane, stream_of(engine));
    for (round = 0; round < rounds; round++) {
        int how = 0;
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
            child(engine, bundle, lane, track);
            exit(0); /* runs what is registered at exit: nothing of ours joins or frees */
        }
        CHECK(waitpid(pid, &how, 0) == pid && WIFEXITED(how) && WEXITSTATUS(how) == 0);
        OK(foretick_lane_advance(lane, START_NS + round, &flow));
    }
    OK(foretick_engine_close(engine));
    return 0;
}
