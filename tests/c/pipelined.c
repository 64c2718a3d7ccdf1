/* Pipelined: two feed threads, a lane with its own worker, and readers of result memory that enter nothing, while
 * another thread publishes. Argument: the folder of a bundle that samples by time and has one role. */
#include <pthread.h>

#include "check.h"

enum { EVENTS = 40000, READERS = 2 };

static foretick_engine_t engine;
static foretick_prediction_t memory[2]; /* aligned to 8 bytes and no more */
static volatile int done;

typedef struct feed_t {
    foretick_link_t link;
    uint32_t stream;
    unsigned long full;
} feed_t;

static void *feed(void *argument) {
    feed_t *self = (feed_t *)argument;
    int64_t i;
    for (i = 0; i < EVENTS; i++) {
        foretick_trade_t trade = trade_of(self->stream, START_NS + i * 100000, 100.0 + (double)(i % 7));
        foretick_status_t status;
        while ((status = foretick_link_push(self->link, &trade, 1, NULL)) == FORETICK_FULL) self->full++;
        OK(status);
    }
    return NULL;
}

/* Signals are whole, and a copy made after a signal is of that step or a newer one. */
static void *look(void *argument) {
    const foretick_prediction_t *result = (const foretick_prediction_t *)argument;
    uint64_t last = 0, copies = 0;
    (void)argument;
    while (!done) {
        uint64_t signal = foretick_result_signal(result);
        foretick_prediction_t p;
        if (FORETICK_SIGNAL_ACTION(signal) == FORETICK_ACTION_NONE) continue;
        if (foretick_result_read(result, &p) != FORETICK_OK) continue;
        CHECK(p.step >= last && FORETICK_SIGNAL_SEQUENCE(p.signal) == (uint16_t)p.step);
        CHECK((uint16_t)(p.step - FORETICK_SIGNAL_SEQUENCE(signal)) < 0x8000);
        CHECK(p.valid_until_ns > p.known_ns && p.generation > 0 && p.members_total == 1);
        last = p.step;
        copies++;
    }
    CHECK(copies > 0);
    return NULL;
}

static void *publish(void *argument) {
    int count;
    for (count = 0; !done; count++) OK(foretick_bundle_close(published(engine, (const char *)argument)));
    return NULL;
}

int main(int argc, char **argv) {
    static const char *names[2] = { "test:A", "test:B" };
    feed_t feeds[2] = { { { 0 }, 0, 0 }, { { 0 }, 0, 0 } };
    pthread_t threads[2], readers[READERS], publisher;
    foretick_track_t tracks[2];
    foretick_lane_t lane = { 0 };
    foretick_prediction_t last;
    int i;
    CHECK(argc == 2);
    engine = engine_of("");
    OK(foretick_bundle_close(published(engine, argv[1])));
    OK(foretick_lane_open(engine, TEXT("worker = true\nidle = \"yield\""), &lane));
    for (i = 0; i < 2; i++) {
        OK(foretick_stream_add(engine, names[i], 6, NULL, 0, &feeds[i].stream));
        tracks[i] = track_of(lane, feeds[i].stream);
        OK(foretick_result_attach(tracks[i], &memory[i], sizeof memory[i]));
        OK(foretick_link_open(lane, TEXT("slots = 256"), &feeds[i].link));
    }
    for (i = 0; i < 2; i++) CHECK(pthread_create(&threads[i], NULL, feed, &feeds[i]) == 0);
    for (i = 0; i < READERS; i++) CHECK(pthread_create(&readers[i], NULL, look, &memory[i % 2]) == 0);
    CHECK(pthread_create(&publisher, NULL, publish, argv[1]) == 0);
    for (i = 0; i < 2; i++) CHECK(pthread_join(threads[i], NULL) == 0);
    do OK(foretick_result_read(&memory[0], &last));
    while (last.step < EVENTS / 10 - 2);
    done = 1;
    for (i = 0; i < READERS; i++) CHECK(pthread_join(readers[i], NULL) == 0);
    CHECK(pthread_join(publisher, NULL) == 0);
    for (i = 0; i < 2; i++) OK(foretick_link_close(feeds[i].link));
    for (i = 0; i < 2; i++) OK(foretick_track_close(tracks[i])); /* the memory is ours again */
    OK(foretick_lane_close(lane));
    OK(foretick_engine_close(engine));
    return 0;
}
