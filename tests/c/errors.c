/* Wrong calls: each has its status and its text, and changes nothing. Argument: a bundle's folder. */
#include <math.h>

#include "check.h"

static void before_init(void) {
    foretick_engine_t engine = { 0 };
    char text[512];
    size_t len = 0;
    IS(foretick_last_error(NULL, 0, &len), FORETICK_OK); /* nothing has failed */
    CHECK(len == 0);
    IS(foretick_engine_open(NULL, 0, &engine), FORETICK_NOT_INITIALISED);
    IS(foretick_engine_close(engine), FORETICK_NOT_INITIALISED);
    CHECK(said("foretick_init"));
    OK(foretick_build_info(text, sizeof text, &len));
    CHECK(len > 2 && text[0] == '{' && text[len - 1] == '}');
    IS(foretick_init(FORETICK_ABI_VERSION + 1), FORETICK_ABI_MISMATCH);
    CHECK(said("0.2") && said("0.1"));
    IS(foretick_init(7u << 16), FORETICK_ABI_MISMATCH);
    IS(foretick_engine_open(NULL, 0, &engine), FORETICK_NOT_INITIALISED);
    OK(foretick_init(FORETICK_ABI_VERSION));
    OK(foretick_init(FORETICK_ABI_VERSION));
}

static void texts(void) {
    foretick_engine_t engine = { 5 };
    char text[64];
    size_t len = 0, whole = 0;
    IS(foretick_engine_open(NULL, 4, &engine), FORETICK_NULL_POINTER);
    IS(foretick_engine_open(TEXT("threads = \xff"), &engine), FORETICK_NOT_UTF8);
    IS(foretick_engine_open(TEXT("threads = 1"), NULL), FORETICK_NULL_POINTER);
    IS(foretick_engine_open("", (size_t)-1, &engine), FORETICK_SHAPE);
    IS(foretick_engine_open(TEXT("threads = "), &engine), FORETICK_CONFIG_SYNTAX);
    IS(foretick_engine_open(TEXT("thread = 1"), &engine), FORETICK_CONFIG_KEY);
    IS(foretick_engine_open(TEXT("threads = 9"), &engine), FORETICK_CONFIG_VALUE);
    CHECK(engine.id == 5);
    CHECK(said("threads") && said("line 1"));
    CHECK(foretick_last_error(text, sizeof text, NULL) == FORETICK_NULL_POINTER);
    IS(foretick_last_error(text, 3, &whole), FORETICK_BUFFER_TOO_SMALL);
    CHECK(whole > 3 && said("threads")); /* asking for the text never changes it */
    IS(foretick_last_error(NULL, 0, &len), FORETICK_BUFFER_TOO_SMALL);
    CHECK(len == whole);
}

static void pointers(foretick_engine_t engine, foretick_lane_t lane, foretick_track_t track) {
    union { foretick_trade_t trades[3]; unsigned char bytes[256]; } room;
    foretick_flow_t flow = FORETICK_FLOW_INIT;
    double row[2];
    char small[8];
    size_t len = 0;
    int64_t close_ns = 3;
    memset(&room, 0, sizeof room);
    flow.taken = 99;
    IS(foretick_lane_push(lane, NULL, 1, &flow), FORETICK_NULL_POINTER);
    IS(foretick_lane_push(lane, &room, 1, NULL), FORETICK_NULL_POINTER);
    IS(foretick_lane_push(lane, room.bytes + 4, 1, &flow), FORETICK_ALIGNMENT);
    IS(foretick_lane_push(lane, &room, (size_t)-1, &flow), FORETICK_SHAPE);
    IS(foretick_lane_push(lane, &room, ((size_t)-1) / 64, &flow), FORETICK_SHAPE);
    CHECK(flow.taken == 99);
    OK(foretick_lane_push(lane, NULL, 0, &flow));
    CHECK(flow.taken == 0);
    IS(foretick_track_predict(track, 0, NULL), FORETICK_NULL_POINTER);
    IS(foretick_track_predict(track, -1, (foretick_prediction_t *)(void *)room.bytes), FORETICK_INVALID_ARGUMENT);
    IS(foretick_track_predict(track, 0, (foretick_prediction_t *)(void *)(room.bytes + 4)), FORETICK_ALIGNMENT);
    IS(foretick_track_row(track, 0, row, 2, &len, &close_ns), FORETICK_NO_PREDICTION);
    CHECK(close_ns == 3);
    IS(foretick_track_row(track, 2, row, 2, &len, NULL), FORETICK_INVALID_ARGUMENT);
    IS(foretick_track_row(track, 0, NULL, 2, &len, NULL), FORETICK_NULL_POINTER);
    IS(foretick_track_row(track, 0, row, ((size_t)-1) / 4, &len, NULL), FORETICK_SHAPE);
    IS(foretick_engine_metrics(engine, small, sizeof small, &len), FORETICK_BUFFER_TOO_SMALL);
    CHECK(len > sizeof small);
    IS(foretick_engine_metrics(engine, NULL, 5, &len), FORETICK_NULL_POINTER);
    IS(foretick_engine_metrics(engine, small, sizeof small, NULL), FORETICK_NULL_POINTER);
    IS(foretick_lane_advance(lane, -1, &flow), FORETICK_RANGE);
}

/* the flow lies on the trade's own price and size: the trade is read before the flow is written */
static void overlap(foretick_lane_t lane, uint32_t stream) {
    uint64_t room[9];
    uint32_t size = (uint32_t)sizeof(foretick_flow_t);
    foretick_trade_t trade = trade_of(stream, START_NS - MINUTE_NS, 100.0);
    foretick_flow_t flow;
    memset(room, 0, sizeof room);
    memcpy(room, &trade, sizeof trade);
    memcpy(&room[4], &size, sizeof size); /* the low bits of the price */
    OK(foretick_lane_push(lane, room, 1, (foretick_flow_t *)(void *)&room[4]));
    memcpy(&flow, &room[4], sizeof flow);
    CHECK(flow.struct_size == size && flow.taken == 1 && flow.skipped == 0);
}

static void events(foretick_lane_t lane, uint32_t stream) {
    foretick_flow_t flow = FORETICK_FLOW_INIT;
    foretick_bar_t bars[3];
    foretick_trade_t trade = trade_of(stream, START_NS, 100.0);
    trade.price = (double)NAN;
    IS(foretick_lane_push(lane, &trade, 1, &flow), FORETICK_NOT_FINITE);
    CHECK(said("kind 1") && said("finite"));
    trade = trade_of(stream, START_NS, -1.0);
    IS(foretick_lane_push(lane, &trade, 1, &flow), FORETICK_RANGE);
    trade = trade_of(stream + 1, START_NS, 1.0);
    IS(foretick_lane_push(lane, &trade, 1, &flow), FORETICK_UNKNOWN_STREAM);
    trade = trade_of(stream, START_NS, 1.0);
    trade.reserved[0] = 1;
    IS(foretick_lane_push(lane, &trade, 1, &flow), FORETICK_EVENT_RESERVED);
    trade = trade_of(stream, START_NS, 1.0);
    trade.head.slots = 2;
    IS(foretick_lane_push(lane, &trade, 1, &flow), FORETICK_EVENT_SHAPE);
    trade.head.slots = 0;
    IS(foretick_lane_push(lane, &trade, 1, &flow), FORETICK_EVENT_SHAPE);
    /* a batch stops at a step, and before what would be refused; the refusal itself takes nothing */
    bars[0] = bar_of(stream, 0, 100.0, 101.0);
    bars[1] = bar_of(stream, 1, 101.0, 102.0);
    bars[2] = bar_of(stream, 2, 102.0, (double)INFINITY);
    OK(foretick_lane_push(lane, bars, 6, &flow));
    CHECK(flow.taken == 2 && flow.closed == 1 && flow.waiting == 1);
    OK(foretick_lane_push(lane, &bars[1], 4, &flow));
    CHECK(flow.taken == 2 && flow.closed == 1);
    flow.taken = 55;
    IS(foretick_lane_push(lane, &bars[2], 2, &flow), FORETICK_NOT_FINITE);
    CHECK(flow.taken == 55);
    bars[2] = bar_of(stream, 2, 102.0, 103.0);
    OK(foretick_lane_push(lane, &bars[2], 2, &flow));
    CHECK(flow.taken == 2 && flow.closed == 1 && flow.reasons == 0);
    /* what comes too late or twice is no error: it is skipped, and says why */
    trade = trade_of(stream, START_NS, 100.0);
    OK(foretick_lane_push(lane, &trade, 1, &flow));
    CHECK(flow.taken == 1 && flow.skipped == 1 && flow.reasons == FORETICK_REASON_CLOCK_BACK);
    trade = trade_of(stream, START_NS + 4 * MINUTE_NS, 100.0);
    trade.head.seq = 5;
    OK(foretick_lane_push(lane, &trade, 1, &flow));
    CHECK(flow.taken == 1 && flow.skipped == 0 && flow.reasons == 0);
    OK(foretick_lane_push(lane, &trade, 1, &flow));
    CHECK(flow.taken == 1 && flow.skipped == 1 && flow.reasons == FORETICK_REASON_DUPLICATE);
}

static void opening(foretick_engine_t engine, foretick_lane_t lane, const char *folder) {
    foretick_bundle_t bundle = { 0 };
    foretick_track_t track = { 0 };
    uint32_t streams[2] = { 1, 9 }, stream = 0;
    IS(foretick_bundle_open(engine, TEXT("no/such/folder"), 0, &bundle), FORETICK_IO);
    IS(foretick_bundle_open(engine, NULL, 0, 0, &bundle), FORETICK_INVALID_ARGUMENT);
    IS(foretick_bundle_open(engine, folder, strlen(folder), 1, &bundle), FORETICK_INVALID_ARGUMENT);
    IS(foretick_stream_add(engine, NULL, 0, NULL, 0, &stream), FORETICK_INVALID_ARGUMENT);
    IS(foretick_stream_add(engine, TEXT("test:BTC"), TEXT("tick = 0.5"), &stream), FORETICK_CONFLICT);
    IS(foretick_track_open(lane, TEXT("nothing"), streams, 1, 0, &track), FORETICK_NO_BUNDLE);
    IS(foretick_track_open(lane, TEXT("direction"), streams, 2, 0, &track), FORETICK_UNKNOWN_STREAM);
    IS(foretick_track_open(lane, TEXT("direction"), NULL, 0, 0, &track), FORETICK_ROLES);
    IS(foretick_track_open(lane, TEXT("direction"), NULL, 1, 0, &track), FORETICK_NULL_POINTER);
    IS(foretick_track_open(lane, TEXT("direction"), streams, 1, 8, &track), FORETICK_INVALID_ARGUMENT);
    OK(foretick_stream_add(engine, TEXT("elsewhere:BTC"), NULL, 0, &stream));
    IS(foretick_track_open(lane, TEXT("direction"), &stream, 1, 0, &track), FORETICK_SCOPE);
    CHECK(track.id == 0 && bundle.id == 0);
    OK(foretick_track_open(lane, TEXT("direction"), &stream, 1, FORETICK_TRACK_ANY_STREAM, &track));
    OK(foretick_track_close(track));
}

int main(int argc, char **argv) {
    foretick_engine_t engine;
    foretick_lane_t lane;
    foretick_track_t track;
    uint32_t stream;
    CHECK(argc == 2);
    before_init();
    texts();
    engine = engine_of("");
    lane = lane_of(engine);
    (void)published(engine, argv[1]);
    stream = stream_of(engine);
    track = track_of(lane, stream);
    pointers(engine, lane, track);
    overlap(lane, stream);
    events(lane, stream);
    opening(engine, lane, argv[1]);
    OK(foretick_engine_close(engine));
    return 0;
}
