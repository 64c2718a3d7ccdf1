/* A second caller on a lane is told BUSY, and nothing is lost or done twice. Argument: a bundle's folder. */
#include <pthread.h>
#include <sched.h>

#include "check.h"

enum { ROUNDS_MOST = 20000, BATCH = 2048, CALLERS = 2 };

typedef struct caller_t {
    foretick_lane_t lane;
    foretick_trade_t *trades;
    uint64_t taken;
    uint64_t busy;
} caller_t;

/* rounds of both; ends when each has met the other */
static int met[CALLERS];

static int all_met(void) {
    int i, all = 1;
    for (i = 0; i < CALLERS; i++) all = all && __atomic_load_n(&met[i], __ATOMIC_RELAXED);
    return all;
}

static void *push_all(void *argument) {
    caller_t *caller = (caller_t *)argument;
    int round;
    for (round = 0; round < ROUNDS_MOST && !all_met(); round++) {
        foretick_flow_t flow = FORETICK_FLOW_INIT;
        foretick_status_t status = foretick_lane_push(caller->lane, caller->trades, BATCH, &flow);
        if (status == FORETICK_BUSY) {
            CHECK(said("another caller"));
            caller->busy++;
            __atomic_store_n(&met[caller->trades[0].head.stream - 1], 1, __ATOMIC_RELAXED);
            sched_yield();
            continue;
        }
        OK(status);
        CHECK(flow.taken == BATCH);
        caller->taken += flow.taken;
    }
    return NULL;
}

int main(int argc, char **argv) {
    foretick_engine_t engine = engine_of("");
    foretick_lane_t lane = lane_of(engine);
    caller_t callers[CALLERS];
    pthread_t threads[CALLERS];
    char metrics[65536], line[64];
    size_t len = 0;
    int i, j;
    CHECK(argc == 2);
    (void)published(engine, argv[1]);
    for (i = 0; i < CALLERS; i++) {
        char name[] = "test:A";
        uint32_t stream = 0;
        name[5] = (char)('A' + i);
        OK(foretick_stream_add(engine, name, 6, NULL, 0, &stream));
        (void)track_of(lane, stream);
        callers[i].lane = lane;
        callers[i].taken = callers[i].busy = 0;
        callers[i].trades = (foretick_trade_t *)malloc(BATCH * sizeof(foretick_trade_t));
        CHECK(callers[i].trades != NULL);
        for (j = 0; j < BATCH; j++) callers[i].trades[j] = trade_of(stream, START_NS, 100.0);
    }
    for (i = 0; i < CALLERS; i++) CHECK(pthread_create(&threads[i], NULL, push_all, &callers[i]) == 0);
    for (i = 0; i < CALLERS; i++) CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK(callers[0].busy + callers[1].busy > 0);
    OK(foretick_engine_metrics(engine, metrics, sizeof metrics - 1, &len));
    metrics[len] = 0;
    (void)snprintf(line, sizeof line, "foretick_events_total{lane=\"0\"} %llu\n", (unsigned long long)(callers[0].taken + callers[1].taken));
    CHECK(strstr(metrics, line) != NULL);
    for (i = 0; i < CALLERS; i++) free(callers[i].trades);
    OK(foretick_lane_close(lane));
    OK(foretick_engine_close(engine));
    return 0;
}
