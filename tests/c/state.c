/* A lane is stopped in one process and goes on in another. Arguments: a bundle's folder that samples by time, what to do, a file.
 * "whole" runs to the end, "save" until the middle of a step and writes a snapshot, "load" goes on from it. Each prints the
 * predictions from the middle on, without the parts that records exclude. */
#include "check.h"

enum { EVENTS = 400, MIDDLE = 203, ROOM = 1 << 16 };

static unsigned char snapshot[ROOM];
static size_t snapshot_len;

typedef struct life_t {
    foretick_engine_t engine;
    foretick_lane_t lane;
    foretick_track_t tracks[2];
    uint32_t streams[2];
} life_t;

/* Two tracks; the ids of the streams depend on what was added before. */
static life_t opened(const char *folder, int shifted) {
    life_t life;
    uint32_t other = 0;
    memset(&life, 0, sizeof life);
    life.engine = engine_of("clock = \"host\"\nthreads = 1\n");
    OK(foretick_bundle_close(published(life.engine, folder)));
    if (shifted) OK(foretick_stream_add(life.engine, TEXT("test:other"), NULL, 0, &other));
    if (shifted) OK(foretick_stream_add(life.engine, TEXT("test:ETH"), NULL, 0, &other));
    life.streams[0] = stream_of(life.engine);
    OK(foretick_stream_add(life.engine, TEXT("test:ETH"), NULL, 0, &life.streams[1]));
    life.lane = lane_of(life.engine);
    life.tracks[0] = track_of(life.lane, life.streams[0]);
    OK(foretick_track_open(life.lane, TEXT("direction"), &life.streams[1], 1, FORETICK_TRACK_ANY_STREAM, &life.tracks[1]));
    return life;
}

/* Three events a step of a millisecond, of both streams. */
static foretick_trade_t event(const life_t *life, int number) {
    foretick_trade_t trade = trade_of(life->streams[number % 5 == 3], START_NS + number * INT64_C(333333), 100.0 + number % 7);
    trade.size = 0.25 * (1 + number % 3);
    trade.head.seq = number % 11 == 5 ? 0 : (uint64_t)number;
    return trade;
}

static void print(foretick_prediction_t p) {
    const unsigned char *bytes = (const unsigned char *)&p;
    size_t at;
    p.stamp = p.id_epoch = 0;
    p.decided_ns = 0;
    p.queue_ns = p.compute_ns = 0;
    p.batch = 0;
    p.backend &= (uint16_t)~(FORETICK_BACKEND_WHOLE_WINDOW | FORETICK_BACKEND_PREFIX | FORETICK_BACKEND_CACHED);
    for (at = 0; at < sizeof p; at++) printf("%02x", bytes[at]);
    printf("\n");
}

/* Pushes events; asks one track at each step, the other now and then. */
static void run(const life_t *life, int from, int to) {
    int number, which;
    for (number = from; number < to; number++) {
        foretick_trade_t trade = event(life, number);
        foretick_flow_t flow = FORETICK_FLOW_INIT;
        foretick_prediction_t p;
        OK(foretick_lane_push(life->lane, &trade, 1, &flow));
        if (number >= MIDDLE) printf("%d: %u closed, %u waiting\n", number, flow.closed, flow.waiting);
        for (which = 0; which < 2; which++) {
            if (which == 0 ? flow.closed == 0 : number % 17 != 0) continue;
            OK(foretick_track_predict(life->tracks[which], trade.head.known_ns, &p));
            if (number >= MIDDLE) print(p);
        }
    }
}

static void save(const life_t *life, const char *path) {
    FILE *file = fopen(path, "wb");
    size_t needed = 0;
    CHECK(file != NULL);
    IS(foretick_lane_snapshot(life->lane, NULL, 0, &needed), FORETICK_BUFFER_TOO_SMALL);
    memset(snapshot, 7, sizeof snapshot);
    IS(foretick_lane_snapshot(life->lane, snapshot, needed - 1, &snapshot_len), FORETICK_BUFFER_TOO_SMALL);
    CHECK(needed > 1000 && needed < ROOM && snapshot_len == needed && snapshot[0] == 7);
    OK(foretick_lane_snapshot(life->lane, snapshot, sizeof snapshot, &snapshot_len));
    CHECK(snapshot_len == needed && snapshot[needed] == 7);
    CHECK(fwrite(snapshot, 1, snapshot_len, file) == snapshot_len && fclose(file) == 0);
}

static void load(const life_t *life, const char *path) {
    FILE *file = fopen(path, "rb");
    foretick_lane_t other = lane_of(life->engine), none = { 0 };
    foretick_details_t details = FORETICK_DETAILS_INIT;
    CHECK(file != NULL);
    snapshot_len = fread(snapshot, 1, sizeof snapshot, file);
    CHECK(snapshot_len > 0 && fclose(file) == 0);
    IS(foretick_lane_restore(life->lane, NULL, 1), FORETICK_NULL_POINTER);
    IS(foretick_lane_restore(none, snapshot, snapshot_len), FORETICK_INVALID_HANDLE);
    IS(foretick_lane_restore(life->lane, NULL, 0), FORETICK_CORRUPT);
    IS(foretick_lane_restore(life->lane, snapshot, snapshot_len - 1), FORETICK_CORRUPT);
    IS(foretick_lane_restore(other, snapshot, snapshot_len), FORETICK_SCHEMA_DIFFERS);
    CHECK(said("0 places of tracks here, 2 in the snapshot"));
    snapshot[8] ^= 3; /* format 2 becomes 1 */
    IS(foretick_lane_restore(life->lane, snapshot, snapshot_len), FORETICK_FORMAT_VERSION);
    snapshot[8] ^= 3;
    snapshot[500] ^= 1;
    IS(foretick_lane_restore(life->lane, snapshot, snapshot_len), FORETICK_CORRUPT);
    CHECK(said("SHA-256"));
    snapshot[500] ^= 1;
    OK(foretick_lane_restore(life->lane, snapshot, snapshot_len));
    IS(foretick_track_details(life->tracks[0], &details), FORETICK_NO_PREDICTION);
    OK(foretick_lane_close(other));
}

/* History gives the row that pushing gives, and asks for nothing. */
static void warm(const char *folder) {
    life_t pushed = opened(folder, 0), warmed = opened(folder, 1);
    static foretick_trade_t events[EVENTS];
    foretick_flow_t flow = FORETICK_FLOW_INIT;
    double rows[2][2];
    size_t len = 0;
    int number, which;
    run(&pushed, 0, MIDDLE);
    for (number = 0; number < MIDDLE; number++) events[number] = event(&warmed, number);
    IS(foretick_lane_warm(warmed.lane, NULL, 1, &flow), FORETICK_NULL_POINTER);
    OK(foretick_lane_warm(warmed.lane, events, MIDDLE, &flow));
    CHECK(flow.taken == MIDDLE && flow.closed > 60 && flow.waiting == 0);
    for (which = 0; which < 2; which++) {
        OK(foretick_track_row(pushed.tracks[which], 0, rows[0], 2, &len, NULL));
        OK(foretick_track_row(warmed.tracks[which], 0, rows[1], 2, &len, NULL));
        CHECK(memcmp(rows[0], rows[1], sizeof rows[0]) == 0);
    }
    events[0] = event(&warmed, MIDDLE);
    OK(foretick_lane_push(warmed.lane, events, 1, &flow));
    OK(foretick_lane_warm(warmed.lane, events, 1, &flow));
    CHECK(flow.taken == 1 && flow.skipped == 1 && flow.closed == 0);
    events[0].price = -1.0;
    IS(foretick_lane_warm(warmed.lane, events, 1, &flow), FORETICK_RANGE);
    OK(foretick_engine_close(pushed.engine));
    OK(foretick_engine_close(warmed.engine));
}

int main(int argc, char **argv) {
    life_t life;
    int loads;
    CHECK(argc == 4);
    loads = strcmp(argv[2], "load") == 0;
    life = opened(argv[1], loads);
    if (loads) load(&life, argv[3]);
    run(&life, loads ? MIDDLE : 0, strcmp(argv[2], "save") == 0 ? MIDDLE : EVENTS);
    if (strcmp(argv[2], "save") == 0) {
        save(&life, argv[3]);
        warm(argv[1]);
    }
    OK(foretick_engine_close(life.engine));
    return 0;
}
