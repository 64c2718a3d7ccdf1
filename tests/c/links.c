/* Links, polls and result memory by one thread: what is taken, what is refused, and what is there afterwards.
 * Argument: the folder of a bundle that samples bars. */
#include <pthread.h>

#include "check.h"

static foretick_prediction_t read_result(const foretick_prediction_t *memory) {
    foretick_prediction_t p;
    OK(foretick_result_read(memory, &p));
    CHECK(p.signal == foretick_result_signal(memory));
    return p;
}

static void push_and_poll(foretick_engine_t engine, uint32_t stream) {
    static foretick_prediction_t memory;
    foretick_lane_t lane = lane_of(engine);
    foretick_track_t track = track_of(lane, stream);
    foretick_link_t link = { 0 };
    foretick_flow_t flow = FORETICK_FLOW_INIT;
    foretick_prediction_t p;
    foretick_bar_t bars[9];
    int64_t i;
    for (i = 0; i < 9; i++) bars[i] = bar_of(stream, i, 100.0, 100.5);
    IS(foretick_link_open(lane, TEXT("slots = 100"), &link), FORETICK_CONFIG_VALUE);
    IS(foretick_link_open(lane, TEXT("conflate = [\"trade\"]"), &link), FORETICK_CONFIG_VALUE);
    OK(foretick_link_open(lane, TEXT("slots = 16"), &link));
    OK(foretick_result_attach(track, &memory, sizeof memory));
    CHECK(foretick_result_signal(&memory) == 0 && foretick_result_signal(NULL) == 0);
    IS(foretick_link_push(link, bars, 18, NULL), FORETICK_FULL);
    OK(foretick_link_push(link, bars, 18, &flow));
    CHECK(flow.taken == 16 && flow.closed == 0);
    IS(foretick_link_push(link, &bars[8], 2, &flow), FORETICK_FULL);
    CHECK(said("its lane is behind"));
    OK(foretick_lane_poll(lane, 5, bars[8].head.known_ns, &flow));
    CHECK(flow.taken == 6 && flow.closed == 3 && flow.predicted == 3 && flow.waiting == 0);
    CHECK(read_result(&memory).step == 2);
    OK(foretick_link_push(link, &bars[8], 2, NULL));
    OK(foretick_lane_poll(lane, 0, bars[8].head.known_ns, &flow));
    CHECK(flow.taken == 12 && flow.predicted == 6);
    p = read_result(&memory);
    CHECK(p.step == 8 && p.stamp % 2 == 0 && FORETICK_SIGNAL_SEQUENCE(p.signal) == 8 && p.track == FORETICK_HANDLE_INDEX(track));
    IS(foretick_lane_poll(lane, 0, -1, &flow), FORETICK_INVALID_ARGUMENT);
    bars[0].close = -1.0;
    IS(foretick_link_push(link, bars, 2, NULL), FORETICK_RANGE);
    IS(foretick_link_push(link, NULL, 2, NULL), FORETICK_NULL_POINTER);
    OK(foretick_result_attach(track, NULL, 0));
    OK(foretick_link_close(link));
    IS(foretick_link_close(link), FORETICK_INVALID_HANDLE);
    OK(foretick_link_close((foretick_link_t){ 0 }));
    OK(foretick_link_open(lane, NULL, 0, &link));
    OK(foretick_lane_close(lane));
    IS(foretick_link_push(link, &bars[1], 2, NULL), FORETICK_WRONG_STATE);
    CHECK(said("nobody will read"));
    OK(foretick_link_close(link));
    IS(foretick_link_push(link, &bars[1], 2, NULL), FORETICK_INVALID_HANDLE);
}

static void refused_memory(foretick_engine_t engine, uint32_t stream) {
    static uint64_t memory[17];
    foretick_prediction_t p;
    foretick_lane_t lane = lane_of(engine);
    foretick_track_t track = track_of(lane, stream);
    IS(foretick_result_attach(track, (char *)memory + 4, 128), FORETICK_ALIGNMENT);
    IS(foretick_result_attach(track, memory, 127), FORETICK_BUFFER_TOO_SMALL);
    IS(foretick_result_attach((foretick_track_t){ 0 }, memory, 128), FORETICK_INVALID_HANDLE);
    IS(foretick_result_read(NULL, &p), FORETICK_NULL_POINTER);
    IS(foretick_result_read((char *)memory + 4, &p), FORETICK_ALIGNMENT);
    OK(foretick_result_attach(track, &memory[1], 128));
    memory[2] |= 1; /* as a writer that died half way */
    IS(foretick_result_read(&memory[1], &p), FORETICK_BUSY);
    OK(foretick_result_attach(track, &memory[1], 128));
    OK(foretick_result_read(&memory[1], &p));
    OK(foretick_lane_close(lane));
}

/* What belongs to a lane's worker, and what is let in. */
static void worker(foretick_engine_t engine, uint32_t stream) {
    static foretick_prediction_t memory;
    foretick_lane_t lane = { 0 };
    foretick_track_t track, due[1];
    foretick_link_t link = { 0 };
    foretick_flow_t flow = FORETICK_FLOW_INIT;
    foretick_details_t details = FORETICK_DETAILS_INIT;
    foretick_prediction_t p;
    foretick_bar_t bar = bar_of(stream, 0, 100.0, 101.0);
    const double row[2] = { 0.5, 0.5 };
    double out[8];
    size_t len = 0;
    IS(foretick_lane_open(engine, TEXT("worker = true\ncore = 4000"), &lane), FORETICK_THREAD);
    CHECK(said("4000"));
    IS(foretick_lane_open(engine, TEXT("worker = true\nidle = \"nap\""), &lane), FORETICK_CONFIG_VALUE);
    OK(foretick_lane_open(engine, TEXT("worker = true"), &lane));
    track = track_of(lane, stream);
    OK(foretick_result_attach(track, &memory, sizeof memory));
    OK(foretick_link_open(lane, NULL, 0, &link));
    OK(foretick_link_push(link, &bar, 2, NULL));
    while (foretick_result_signal(&memory) == 0) { }
    CHECK(read_result(&memory).step == 0);
    IS(foretick_lane_push(lane, &bar, 2, &flow), FORETICK_WRONG_STATE);
    IS(foretick_lane_advance(lane, START_NS, &flow), FORETICK_WRONG_STATE);
    IS(foretick_lane_poll(lane, 0, START_NS, &flow), FORETICK_WRONG_STATE);
    IS(foretick_lane_due(lane, due, 1, &len), FORETICK_WRONG_STATE);
    IS(foretick_track_predict(track, START_NS, &p), FORETICK_WRONG_STATE);
    IS(foretick_track_prepare(track), FORETICK_WRONG_STATE);
    IS(foretick_track_predict_row(track, row, 2, START_NS, &p), FORETICK_WRONG_STATE);
    CHECK(said("belongs to its worker"));
    OK(foretick_track_details(track, &details));
    OK(foretick_track_row(track, 0, out, 8, &len, NULL));
    OK(foretick_track_enable(track, 0));
    OK(foretick_track_close(track));
    OK(foretick_lane_close(lane));
    IS(foretick_link_push(link, &bar, 2, NULL), FORETICK_WRONG_STATE);
}

static foretick_link_t shared_link;
static volatile int stop;

static void *intrude(void *argument) {
    foretick_trade_t trade = *(foretick_trade_t *)argument;
    while (!stop) {
        foretick_status_t status = foretick_link_push(shared_link, &trade, 1, NULL);
        CHECK(status == FORETICK_OK || status == FORETICK_FULL || status == FORETICK_BUSY);
    }
    return NULL;
}

/* Row 28: a second producer at the same time is told, never let in. */
static void two_producers(foretick_engine_t engine, uint32_t stream) {
    foretick_lane_t lane = lane_of(engine);
    foretick_trade_t trade = trade_of(stream, START_NS, 100.0);
    foretick_flow_t flow = FORETICK_FLOW_INIT;
    pthread_t threads[2];
    unsigned long taken = 0, rounds = 0;
    OK(foretick_link_open(lane, TEXT("slots = 16"), &shared_link));
    CHECK(pthread_create(&threads[0], NULL, intrude, &trade) == 0 && pthread_create(&threads[1], NULL, intrude, &trade) == 0);
    while (taken < 200000 && rounds++ < 50000000) {
        OK(foretick_lane_poll(lane, 0, START_NS, &flow));
        taken += (unsigned long)flow.taken;
    }
    stop = 1;
    CHECK(pthread_join(threads[0], NULL) == 0 && pthread_join(threads[1], NULL) == 0);
    CHECK(taken >= 200000);
    OK(foretick_link_close(shared_link));
    OK(foretick_lane_close(lane));
}

static void described(foretick_engine_t engine) {
    static char text[1 << 16];
    size_t len = 0;
    int32_t more = 0;
    foretick_lane_t lane = lane_of(engine);
    foretick_link_t link = { 0 };
    OK(foretick_link_open(lane, TEXT("conflate = [\"quote\"]"), &link));
    IS(foretick_engine_describe(engine, 0, text, sizeof text, &len), FORETICK_INVALID_ARGUMENT);
    IS(foretick_engine_describe(engine, 64, text, sizeof text, &len), FORETICK_INVALID_ARGUMENT);
    IS(foretick_engine_describe(engine, 63, NULL, 0, &len), FORETICK_BUFFER_TOO_SMALL);
    OK(foretick_engine_describe(engine, 63, text, sizeof text - 1, &len));
    text[len] = 0;
    CHECK(strstr(text, "\"conflate\":[\"quote\"]") != NULL && strstr(text, "\"name\":\"test:BTC\"") != NULL);
    CHECK(strstr(text, "\"name\":\"direction\"") != NULL && strstr(text, "\"idle_revoke_ms\":100") != NULL);
    OK(foretick_engine_describe(engine, FORETICK_DESCRIBE_STREAMS, text, sizeof text - 1, &len));
    text[len] = 0;
    CHECK(strstr(text, "\"config\"") == NULL);
    IS(foretick_engine_maintain(engine, 0, &more), FORETICK_WRONG_STATE);
    CHECK(said("threads = 0"));
    /* closes with a lane, a link and a track open */
}

static void maintained(const char *folder) {
    int32_t more = 1, rounds = 0;
    foretick_engine_t engine = engine_of("threads = 0\n[housekeeping]\nidle_revoke_ms = 0");
    foretick_lane_t lane;
    OK(foretick_bundle_close(published(engine, folder)));
    lane = lane_of(engine);
    (void)track_of(lane, stream_of(engine));
    OK(foretick_bundle_close(published(engine, folder)));
    IS(foretick_engine_maintain(engine, -1, &more), FORETICK_INVALID_ARGUMENT);
    while (more && rounds++ < 100) OK(foretick_engine_maintain(engine, 0, &more));
    CHECK(more == 0);
    OK(foretick_engine_close(engine));
}

int main(int argc, char **argv) {
    foretick_engine_t engine;
    uint32_t stream;
    CHECK(argc == 2);
    engine = engine_of("clock = \"host\"");
    OK(foretick_bundle_close(published(engine, argv[1])));
    stream = stream_of(engine);
    push_and_poll(engine, stream);
    refused_memory(engine, stream);
    worker(engine, stream);
    two_producers(engine, stream);
    described(engine);
    OK(foretick_engine_close(engine));
    maintained(argv[1]);
    return 0;
}
