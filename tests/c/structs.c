/* Structs of an older and a newer header. Argument: a bundle's folder. */
#include "check.h"

typedef struct newer_flow_t {
    foretick_flow_t known;
    uint64_t more[2];
} newer_flow_t;

typedef struct newer_publish_t {
    foretick_publish_t known;
    uint64_t more;
} newer_publish_t;

typedef struct newer_output_t {
    foretick_output_t known;
    uint64_t more;
} newer_output_t;

static void flows(foretick_lane_t lane) {
    newer_flow_t newer;
    foretick_flow_t flow = FORETICK_FLOW_INIT;
    memset(&newer, 0xAA, sizeof newer);
    newer.known.struct_size = sizeof newer;
    OK(foretick_lane_advance(lane, START_NS, &newer.known));
    CHECK(newer.known.closed == 0 && newer.known.struct_size == sizeof newer && newer.more[0] == 0 && newer.more[1] == 0);
    flow.struct_size = 36;
    flow.taken = 77;
    IS(foretick_lane_advance(lane, START_NS, &flow), FORETICK_STRUCT_SIZE);
    flow.struct_size = 0;
    IS(foretick_lane_advance(lane, START_NS, &flow), FORETICK_STRUCT_SIZE);
    flow.struct_size = 0xFFFFFFF8u;
    IS(foretick_lane_advance(lane, START_NS, &flow), FORETICK_STRUCT_SIZE);
    flow.struct_size = 44;
    IS(foretick_lane_advance(lane, START_NS, &flow), FORETICK_STRUCT_SIZE);
    CHECK(flow.taken == 77);
}

static void publishes(foretick_engine_t engine, foretick_bundle_t bundle) {
    static const char *const slots[2] = { "one", "two" };
    newer_publish_t items[2];
    foretick_publish_t item = FORETICK_PUBLISH_INIT;
    uint64_t generations[2] = { 0, 0 };
    int i;
    memset(items, 0, sizeof items);
    for (i = 0; i < 2; i++) {
        items[i].known.struct_size = sizeof items[i];
        items[i].known.slot = slots[i];
        items[i].known.slot_len = 3;
        items[i].known.bundle = bundle;
    }
    OK(foretick_slot_publish(engine, &items[0].known, 2, generations));
    CHECK(generations[0] != 0 && generations[1] == generations[0] + 1);
    items[1].more = 1;
    generations[0] = generations[1] = 0;
    IS(foretick_slot_publish(engine, &items[0].known, 2, generations), FORETICK_STRUCT_SIZE);
    items[1].more = 0;
    items[1].known.struct_size = sizeof(foretick_publish_t);
    IS(foretick_slot_publish(engine, &items[0].known, 2, generations), FORETICK_STRUCT_SIZE);
    CHECK(said("struct_size"));
    item.slot = slots[0];
    item.slot_len = 3;
    item.bundle = bundle;
    item.struct_size = 24;
    IS(foretick_slot_publish(engine, &item, 1, generations), FORETICK_STRUCT_SIZE);
    item.struct_size = sizeof item;
    item.flags = 2;
    IS(foretick_slot_publish(engine, &item, 1, generations), FORETICK_INVALID_ARGUMENT);
    item.flags = FORETICK_PUBLISH_REPLACE;
    CHECK(generations[0] == 0);
    OK(foretick_slot_publish(engine, &item, 1, generations));
    OK(foretick_slot_publish(engine, NULL, 0, NULL));
}

static void details(foretick_track_t track) {
    foretick_details_t asked = FORETICK_DETAILS_INIT;
    newer_output_t outputs[2];
    foretick_member_t members[1] = { FORETICK_MEMBER_INIT };
    uint64_t missing = 0;
    OK(foretick_track_details(track, &asked)); /* all arrays skipped: only the lengths */
    CHECK(asked.outputs_len == 1 && asked.members_len == 1 && asked.missing_len == 1 && asked.features == 2 && asked.rows == 1);
    memset(outputs, 0xAA, sizeof outputs);
    asked.outputs = &outputs[0].known;
    asked.outputs_cap = 0;
    asked.outputs_len = 0;
    IS(foretick_track_details(track, &asked), FORETICK_BUFFER_TOO_SMALL);
    CHECK(asked.outputs_len == 1 && outputs[0].known.output == 0xAAAA);
    asked.outputs_cap = 2;
    asked.outputs_stride = sizeof outputs[0];
    asked.members = members;
    asked.members_cap = 1;
    asked.missing = &missing;
    asked.missing_cap = 1;
    OK(foretick_track_details(track, &asked));
    CHECK(outputs[0].known.struct_size == sizeof(foretick_output_t) && outputs[0].more == 0);
    CHECK(outputs[1].known.output == 0xAAAA); /* beyond the length nothing is written */
    CHECK(strcmp(outputs[0].known.name, "up") == 0 && outputs[0].known.horizon == 1 && outputs[0].known.task == FORETICK_TASK_DIRECTION);
    CHECK(members[0].struct_size == sizeof members[0] && strcmp(members[0].name, "lr") == 0);
    CHECK(missing == 3); /* nothing has closed, so both features are off */
    asked.outputs_stride = sizeof(foretick_output_t) - 8;
    IS(foretick_track_details(track, &asked), FORETICK_SHAPE);
    asked.outputs_stride = sizeof(foretick_output_t) + 4;
    IS(foretick_track_details(track, &asked), FORETICK_SHAPE);
    asked.outputs_stride = (size_t)1 << 60;
    asked.outputs_cap = 64;
    IS(foretick_track_details(track, &asked), FORETICK_SHAPE);
    asked.struct_size = 8;
    IS(foretick_track_details(track, &asked), FORETICK_STRUCT_SIZE);
}

int main(int argc, char **argv) {
    foretick_engine_t engine = engine_of("clock = \"host\"");
    foretick_lane_t lane = lane_of(engine);
    foretick_bundle_t bundle;
    foretick_track_t track;
    foretick_prediction_t prediction;
    foretick_details_t asked = FORETICK_DETAILS_INIT;
    CHECK(argc == 2);
    bundle = published(engine, argv[1]);
    track = track_of(lane, stream_of(engine));
    flows(lane);
    publishes(engine, bundle);
    IS(foretick_track_details(track, &asked), FORETICK_NO_PREDICTION);
    OK(foretick_track_predict(track, START_NS, &prediction));
    CHECK(FORETICK_SIGNAL_ACTION(prediction.signal) == FORETICK_ACTION_ABSTAIN && (prediction.reasons & FORETICK_REASON_NOT_READY) != 0);
    details(track);
    OK(foretick_engine_close(engine));
    return 0;
}
