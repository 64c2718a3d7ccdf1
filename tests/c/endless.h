/* An engine whose next prediction has a member that would not come back for an hour. */
#ifndef ENDLESS_H
#define ENDLESS_H

#include "check.h"

static foretick_engine_t engine;
static foretick_lane_t lane;
static foretick_track_t track;

/* Further options of the engine, such as its sections; the bundle's folder. */
static inline void start(const char *config, const char *folder) {
    foretick_bar_t bar;
    foretick_flow_t flow = FORETICK_FLOW_INIT;
    engine = engine_of(config);
    (void)published(engine, folder);
    lane = lane_of(engine);
    bar = bar_of(stream_of(engine), 0, 100.0, 100.0); /* its volume, 1, is where the member loops */
    track = track_of(lane, bar.head.stream);
    OK(foretick_lane_push(lane, &bar, 2, &flow));
    CHECK(flow.closed == 1);
}

/* Comes back when the member was stopped: the other one has answered. Another thread may look meanwhile whether this one is inside. */
static inline void predict(void) {
    foretick_prediction_t p;
    foretick_status_t status;
    do status = foretick_track_predict(track, START_NS + MINUTE_NS, &p);
    while (status == FORETICK_BUSY);
    OK(status);
    CHECK(p.members_total == 2 && p.members_used == 1 && (p.reasons & FORETICK_REASON_MEMBER_FAILED) != 0);
}

/* Whether a thread is inside the lane. */
static inline int inside(void) {
    foretick_flow_t flow = FORETICK_FLOW_INIT;
    return foretick_lane_advance(lane, START_NS, &flow) == FORETICK_BUSY;
}

#endif
