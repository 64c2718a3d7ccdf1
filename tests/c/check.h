/* What the programs share: checks that name their line, and an engine to work with. */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "foretick.h"

#define CHECK(test)                                                                  \
    do {                                                                             \
        if (!(test)) {                                                               \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #test);               \
            exit(1);                                                                 \
        }                                                                            \
    } while (0)

static void check_status(foretick_status_t found, foretick_status_t wanted, const char *call, int line) {
    char text[4096];
    size_t len = 0;
    if (found == wanted) return;
    if (foretick_last_error(text, sizeof text, &len) != FORETICK_OK) len = 0;
    fprintf(stderr, "line %d: %s: %s, expected %s: %.*s\n", line, call, foretick_status_name(found), foretick_status_name(wanted), (int)len, text);
    exit(1);
}

/* The call answers this status. */
#define IS(call, status) check_status((call), (status), #call, __LINE__)
#define OK(call) IS(call, FORETICK_OK)

#define TEXT(literal) (literal), (sizeof(literal) - 1)

#define MINUTE_NS INT64_C(60000000000)
#define START_NS (INT64_C(1700000040) * 1000000000)

/* The text of the last failure contains this. */
static inline int said(const char *part) {
    char text[4097];
    size_t len = 0;
    if (foretick_last_error(text, sizeof text - 1, &len) != FORETICK_OK) return 0;
    text[len] = 0;
    return strstr(text, part) != NULL;
}

static inline foretick_engine_t engine_of(const char *config) {
    foretick_engine_t engine = { 0 };
    OK(foretick_init(FORETICK_ABI_VERSION));
    OK(foretick_engine_open(config, strlen(config), &engine));
    return engine;
}

static inline foretick_lane_t lane_of(foretick_engine_t engine) {
    foretick_lane_t lane = { 0 };
    OK(foretick_lane_open(engine, NULL, 0, &lane));
    return lane;
}

/* Publishes the bundle of a folder under "direction"; answers its handle. */
static inline foretick_bundle_t published(foretick_engine_t engine, const char *folder) {
    foretick_bundle_t bundle = { 0 };
    foretick_publish_t item = FORETICK_PUBLISH_INIT;
    uint64_t generation = 0;
    OK(foretick_bundle_open(engine, folder, strlen(folder), 0, &bundle));
    item.slot = "direction";
    item.slot_len = 9;
    item.bundle = bundle;
    OK(foretick_slot_publish(engine, &item, 1, &generation));
    CHECK(generation > 0);
    return bundle;
}

static inline uint32_t stream_of(foretick_engine_t engine) {
    uint32_t stream = 0;
    OK(foretick_stream_add(engine, TEXT("test:BTC"), NULL, 0, &stream));
    return stream;
}

static inline foretick_track_t track_of(foretick_lane_t lane, uint32_t stream) {
    foretick_track_t track = { 0 };
    OK(foretick_track_open(lane, TEXT("direction"), &stream, 1, 0, &track));
    return track;
}

/* The bar of a minute. */
static inline foretick_bar_t bar_of(uint32_t stream, int64_t minute, double open, double close) {
    foretick_bar_t bar = FORETICK_BAR_INIT;
    bar.head.stream = stream;
    bar.open_ns = START_NS + minute * MINUTE_NS;
    bar.interval_ns = MINUTE_NS;
    bar.head.known_ns = bar.open_ns + MINUTE_NS;
    bar.open = open;
    bar.close = close;
    bar.high = open > close ? open : close;
    bar.low = open > close ? close : open;
    bar.volume = 1.0;
    return bar;
}

static inline foretick_trade_t trade_of(uint32_t stream, int64_t known_ns, double price) {
    foretick_trade_t trade = FORETICK_TRADE_INIT;
    trade.head.stream = stream;
    trade.head.known_ns = known_ns;
    trade.price = price;
    trade.size = 1.0;
    return trade;
}

#endif
