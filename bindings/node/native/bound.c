/*
 * Hot calls: a function made once for a handle and its memory, which are then no arguments.
 *
 * The memory is that of a SharedArrayBuffer, so that nothing can take it away while the function lives, which also keeps the array.
 */
#include "values.h"

typedef struct bound_t {
    uint64_t id;
    memory_t in;
    memory_t out;
    napi_ref refs[2];
} bound_t;

static void bound_free(napi_env env, void *data, void *hint) {
    bound_t *bound = (bound_t *)data;
    size_t i;
    (void)hint;
    for (i = 0; i < 2; i++) {
        if (bound->refs[i] != NULL) (void)napi_delete_reference(env, bound->refs[i]);
    }
    free(bound);
}

/* bindX(handle, in, out): the function, where out has room for so much. */
static napi_value bind(napi_env env, napi_callback_info info, napi_callback function, size_t room) {
    call_t call = call_of(env, info);
    bound_t *bound = (bound_t *)calloc(1, sizeof *bound);
    napi_value value = NULL;
    if (bound == NULL) {
        call_wrong(&call, "no memory for a function");
        return NULL;
    }
    bound->id = read_handle(&call, 0);
    bound->in = read_memory(&call, 1, true);
    bound->out = read_memory(&call, 2, true);
    if (call.ok && bound->out.bytes < room) call_wrong(&call, "the record has no room");
    if (call.ok && napi_create_reference(env, call.arguments[1], 1, &bound->refs[0]) == napi_ok && napi_create_reference(env, call.arguments[2], 1, &bound->refs[1]) == napi_ok
        && napi_create_function(env, NULL, 0, function, bound, &value) == napi_ok && napi_add_finalizer(env, value, bound, bound_free, NULL, NULL) == napi_ok) {
        return value;
    }
    bound_free(env, bound, NULL);
    call_wrong(&call, "the function cannot be made");
    return NULL;
}

static foretick_flow_t *flow_of(const bound_t *bound) {
    foretick_flow_t *flow = (foretick_flow_t *)(void *)bound->out.data;
    flow->struct_size = (uint32_t)sizeof *flow;
    return flow;
}

/* Where the slots begin that a push names; NULL when they are not there, and then an exception is pending. */
static const void *events_of(call_t *call, const bound_t *bound, size_t *slots) {
    size_t from = read_size(call, 0), room = bound->in.bytes / 64;
    *slots = read_size(call, 1);
    if (call->ok && (from > room || *slots > room - from)) {
        (void)napi_throw_range_error(call->env, "ERR_OUT_OF_RANGE", "the slots reach past the end of the events");
        call->ok = false;
    }
    return call->ok ? bound->in.data + 64 * from : NULL;
}

/* push(from, slots) */
static napi_value push(napi_env env, napi_callback_info info) {
    call_t call = call_of(env, info);
    const bound_t *bound = (const bound_t *)call.data;
    size_t slots;
    const void *events = events_of(&call, bound, &slots);
    if (call.ok) (void)call_check(&call, foretick_lane_push((foretick_lane_t){ bound->id }, events, slots, flow_of(bound)));
    return NULL;
}

/* warm(from, slots) */
static napi_value warm(napi_env env, napi_callback_info info) {
    call_t call = call_of(env, info);
    const bound_t *bound = (const bound_t *)call.data;
    size_t slots;
    const void *events = events_of(&call, bound, &slots);
    if (call.ok) (void)call_check(&call, foretick_lane_warm((foretick_lane_t){ bound->id }, events, slots, flow_of(bound)));
    return NULL;
}

/* linkPush(from, slots, all): all or none, without a flow, when `all` is 1 */
static napi_value link_push(napi_env env, napi_callback_info info) {
    call_t call = call_of(env, info);
    const bound_t *bound = (const bound_t *)call.data;
    size_t slots;
    const void *events = events_of(&call, bound, &slots);
    bool all = read_u32(&call, 2) == 1;
    if (call.ok) (void)call_check(&call, foretick_link_push((foretick_link_t){ bound->id }, events, slots, all ? NULL : flow_of(bound)));
    return NULL;
}

/* poll(maxSlots, nowNs) */
static napi_value poll(napi_env env, napi_callback_info info) {
    call_t call = call_of(env, info);
    const bound_t *bound = (const bound_t *)call.data;
    size_t most = read_size(&call, 0);
    int64_t now_ns = read_time(&call, 1);
    if (call.ok) (void)call_check(&call, foretick_lane_poll((foretick_lane_t){ bound->id }, most, now_ns, flow_of(bound)));
    return NULL;
}

/* read(): the newest prediction of result memory, into the other record */
static napi_value result_read(napi_env env, napi_callback_info info) {
    call_t call = call_of(env, info);
    const bound_t *bound = (const bound_t *)call.data;
    (void)call_check(&call, foretick_result_read(bound->in.data, (foretick_prediction_t *)(void *)bound->out.data));
    return NULL;
}

/* advance(untilNs) */
static napi_value advance(napi_env env, napi_callback_info info) {
    call_t call = call_of(env, info);
    const bound_t *bound = (const bound_t *)call.data;
    int64_t until_ns = read_time(&call, 0);
    if (call.ok) (void)call_check(&call, foretick_lane_advance((foretick_lane_t){ bound->id }, until_ns, flow_of(bound)));
    return NULL;
}

/* due(): how many there are; with less room nothing is written */
static napi_value due(napi_env env, napi_callback_info info) {
    call_t call = call_of(env, info);
    const bound_t *bound = (const bound_t *)call.data;
    size_t len = 0;
    foretick_status_t status = foretick_lane_due((foretick_lane_t){ bound->id }, (foretick_track_t *)(void *)bound->out.data, bound->out.bytes / sizeof(foretick_track_t), &len);
    if (status != FORETICK_BUFFER_TOO_SMALL) (void)call_check(&call, status);
    return give_u32(&call, (uint32_t)len);
}

/* predict(nowNs) */
static napi_value predict(napi_env env, napi_callback_info info) {
    call_t call = call_of(env, info);
    const bound_t *bound = (const bound_t *)call.data;
    int64_t now_ns = read_time(&call, 0);
    if (call.ok) (void)call_check(&call, foretick_track_predict((foretick_track_t){ bound->id }, now_ns, (foretick_prediction_t *)(void *)bound->out.data));
    return NULL;
}

/* predictRow(count, nowNs) */
static napi_value predict_row(napi_env env, napi_callback_info info) {
    call_t call = call_of(env, info);
    const bound_t *bound = (const bound_t *)call.data;
    size_t count = read_size(&call, 0);
    int64_t now_ns = read_time(&call, 1);
    if (call.ok && count > bound->in.bytes / sizeof(double)) {
        (void)napi_throw_range_error(env, "ERR_OUT_OF_RANGE", "the row reaches past the end of its array");
        return NULL;
    }
    if (call.ok) {
        (void)call_check(&call, foretick_track_predict_row((foretick_track_t){ bound->id }, (const double *)(const void *)bound->in.data, count, now_ns,
                                                           (foretick_prediction_t *)(void *)bound->out.data));
    }
    return NULL;
}

static napi_value bind_push(napi_env env, napi_callback_info info) { return bind(env, info, push, sizeof(foretick_flow_t)); }
static napi_value bind_advance(napi_env env, napi_callback_info info) { return bind(env, info, advance, sizeof(foretick_flow_t)); }
static napi_value bind_warm(napi_env env, napi_callback_info info) { return bind(env, info, warm, sizeof(foretick_flow_t)); }
static napi_value bind_poll(napi_env env, napi_callback_info info) { return bind(env, info, poll, sizeof(foretick_flow_t)); }
static napi_value bind_link_push(napi_env env, napi_callback_info info) { return bind(env, info, link_push, sizeof(foretick_flow_t)); }
static napi_value bind_due(napi_env env, napi_callback_info info) { return bind(env, info, due, 0); }
static napi_value bind_predict(napi_env env, napi_callback_info info) { return bind(env, info, predict, sizeof(foretick_prediction_t)); }
static napi_value bind_predict_row(napi_env env, napi_callback_info info) { return bind(env, info, predict_row, sizeof(foretick_prediction_t)); }

/* bindResultRead(0n, memory, out): memory of a prediction too */
static napi_value bind_result_read(napi_env env, napi_callback_info info) {
    call_t call = call_of(env, info);
    if (read_memory(&call, 1, true).bytes < sizeof(foretick_prediction_t)) call_wrong(&call, "result memory is 128 bytes");
    return call.ok ? bind(env, info, result_read, sizeof(foretick_prediction_t)) : NULL;
}

void add_bound(napi_env env, napi_value exports) {
    add_function(env, exports, "bindPush", bind_push);
    add_function(env, exports, "bindAdvance", bind_advance);
    add_function(env, exports, "bindWarm", bind_warm);
    add_function(env, exports, "bindPoll", bind_poll);
    add_function(env, exports, "bindLinkPush", bind_link_push);
    add_function(env, exports, "bindResultRead", bind_result_read);
    add_function(env, exports, "bindDue", bind_due);
    add_function(env, exports, "bindPredict", bind_predict);
    add_function(env, exports, "bindPredictRow", bind_predict_row);
}
