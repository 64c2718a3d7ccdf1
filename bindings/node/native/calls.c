/* Calls off the hot path: handles are BigInts, texts are strings. */
#include "values.h"

static foretick_engine_t engine_at(call_t *call, size_t at) { return (foretick_engine_t){ read_handle(call, at) }; }
static foretick_lane_t lane_at(call_t *call, size_t at) { return (foretick_lane_t){ read_handle(call, at) }; }
static foretick_track_t track_at(call_t *call, size_t at) { return (foretick_track_t){ read_handle(call, at) }; }
static foretick_bundle_t bundle_at(call_t *call, size_t at) { return (foretick_bundle_t){ read_handle(call, at) }; }
static foretick_scorer_t scorer_at(call_t *call, size_t at) { return (foretick_scorer_t){ read_handle(call, at) }; }
static foretick_link_t link_at(call_t *call, size_t at) { return (foretick_link_t){ read_handle(call, at) }; }

/* A text that a call writes: asked for its length first, which may grow meanwhile. */
typedef foretick_status_t (*writer_t)(uint64_t id, uint32_t parts, char *buf, size_t cap, size_t *len);

static foretick_status_t write_build_info(uint64_t id, uint32_t parts, char *buf, size_t cap, size_t *len) {
    (void)id;
    (void)parts;
    return foretick_build_info(buf, cap, len);
}
static foretick_status_t write_metrics(uint64_t id, uint32_t parts, char *buf, size_t cap, size_t *len) {
    (void)parts;
    return foretick_engine_metrics((foretick_engine_t){ id }, buf, cap, len);
}
static foretick_status_t write_bundle(uint64_t id, uint32_t parts, char *buf, size_t cap, size_t *len) {
    (void)parts;
    return foretick_bundle_describe((foretick_bundle_t){ id }, buf, cap, len);
}
static foretick_status_t write_engine(uint64_t id, uint32_t parts, char *buf, size_t cap, size_t *len) {
    return foretick_engine_describe((foretick_engine_t){ id }, parts, buf, cap, len);
}

static napi_value written(call_t *call, writer_t writer, uint64_t id, uint32_t parts) {
    napi_value text = NULL;
    char *buf = NULL;
    size_t cap = 0, len = 0;
    foretick_status_t status = call->ok ? writer(id, parts, NULL, 0, &len) : FORETICK_OK;
    while (call->ok && (status == FORETICK_BUFFER_TOO_SMALL || (status == FORETICK_OK && len > cap))) {
        free(buf);
        cap = len;
        buf = (char *)malloc(cap);
        status = buf == NULL ? FORETICK_OUT_OF_MEMORY : writer(id, parts, buf, cap, &len);
    }
    if (call_check(call, status)) text = give_text(call, buf == NULL ? "" : buf, len);
    free(buf);
    return text;
}

static napi_value build_info(napi_env env, napi_callback_info info) {
    call_t call = call_of(env, info);
    return written(&call, write_build_info, 0, 0);
}

static napi_value now_ns(napi_env env, napi_callback_info info) {
    call_t call = call_of(env, info);
    napi_value value = NULL;
    (void)napi_create_bigint_int64(env, foretick_now_ns(), &value);
    (void)call;
    return value;
}

/* statusName(status) */
static napi_value status_name(napi_env env, napi_callback_info info) {
    call_t call = call_of(env, info);
    int32_t status = 0;
    const char *name;
    if (napi_get_value_int32(env, call.arguments[0], &status) != napi_ok) call_wrong(&call, "a status is a number");
    name = foretick_status_name(status);
    return give_text(&call, name, strlen(name));
}

/* engineOpen(options) */
static napi_value engine_open(napi_env env, napi_callback_info info) {
    call_t call = call_of(env, info);
    text_t options = read_text(&call, 0);
    foretick_engine_t engine = { 0 };
    if (call.ok && call_check(&call, foretick_engine_open(options.data, options.len, &engine)) && !engines_add(env, engine.id)) {
        foretick_engine_close(engine);
        call_wrong(&call, "no memory for an engine");
    }
    text_free(&options);
    return give_u64(&call, engine.id);
}

/* engineClose(engine) */
static napi_value engine_close(napi_env env, napi_callback_info info) {
    call_t call = call_of(env, info);
    foretick_engine_t engine = engine_at(&call, 0);
    if (call.ok && call_check(&call, foretick_engine_close(engine))) engines_remove(env, engine.id);
    return give_nothing(&call);
}

static napi_value engine_metrics(napi_env env, napi_callback_info info) {
    call_t call = call_of(env, info);
    uint64_t engine = read_handle(&call, 0);
    return written(&call, write_metrics, engine, 0);
}

/* engineDescribe(engine, parts) */
static napi_value engine_describe(napi_env env, napi_callback_info info) {
    call_t call = call_of(env, info);
    uint64_t engine = read_handle(&call, 0);
    uint32_t parts = read_u32(&call, 1);
    return written(&call, write_engine, engine, parts);
}

/* engineMaintain(engine, budgetNs): whether work is left */
static napi_value engine_maintain(napi_env env, napi_callback_info info) {
    call_t call = call_of(env, info);
    foretick_engine_t engine = engine_at(&call, 0);
    int64_t budget_ns = read_time(&call, 1);
    int32_t more = 0;
    if (call.ok) (void)call_check(&call, foretick_engine_maintain(engine, budget_ns, &more));
    return give_u32(&call, (uint32_t)more);
}

/* streamAdd(engine, name, options) */
static napi_value stream_add(napi_env env, napi_callback_info info) {
    call_t call = call_of(env, info);
    foretick_engine_t engine = engine_at(&call, 0);
    text_t name = read_text(&call, 1), options = read_text(&call, 2);
    uint32_t stream = 0;
    if (call.ok) (void)call_check(&call, foretick_stream_add(engine, name.data, name.len, options.data, options.len, &stream));
    text_free(&name);
    text_free(&options);
    return give_u32(&call, stream);
}

/* bundleOpenSync(engine, path) */
static napi_value bundle_open_sync(napi_env env, napi_callback_info info) {
    call_t call = call_of(env, info);
    foretick_engine_t engine = engine_at(&call, 0);
    text_t path = read_text(&call, 1);
    foretick_bundle_t bundle = { 0 };
    if (call.ok) (void)call_check(&call, foretick_bundle_open(engine, path.data, path.len, 0, &bundle));
    text_free(&path);
    return give_u64(&call, bundle.id);
}

/* A bundle that is opened on a thread of the pool. */
typedef struct opening_t {
    napi_async_work work;
    napi_deferred deferred;
    foretick_engine_t engine;
    text_t path;
    foretick_bundle_t bundle;
    foretick_status_t status;
    char text[4096];
    size_t len;
} opening_t;

/* on the pool's thread, which also reads what went wrong there */
static void opening_run(napi_env env, void *data) {
    opening_t *opening = (opening_t *)data;
    (void)env;
    opening->status = foretick_bundle_open(opening->engine, opening->path.data, opening->path.len, 0, &opening->bundle);
    if (opening->status != FORETICK_OK && foretick_last_error(opening->text, sizeof opening->text, &opening->len) != FORETICK_OK) opening->len = 0;
}

/* back on the environment's; one that ends settles nothing, and its engine closes the bundle */
static void opening_done(napi_env env, napi_status status, void *data) {
    opening_t *opening = (opening_t *)data;
    napi_value value;
    if (status == napi_ok && opening->status == FORETICK_OK) {
        if (napi_create_bigint_uint64(env, opening->bundle.id, &value) == napi_ok) (void)napi_resolve_deferred(env, opening->deferred, value);
    } else if (status == napi_ok) {
        value = failure(env, opening->status, opening->text, opening->len);
        if (value != NULL) (void)napi_reject_deferred(env, opening->deferred, value);
    }
    (void)napi_delete_async_work(env, opening->work);
    text_free(&opening->path);
    free(opening);
}

/* bundleOpen(engine, path): a promise */
static napi_value bundle_open(napi_env env, napi_callback_info info) {
    call_t call = call_of(env, info);
    opening_t *opening = (opening_t *)calloc(1, sizeof *opening);
    napi_value promise = NULL, name;
    if (opening == NULL) {
        call_wrong(&call, "no memory for a bundle");
        return NULL;
    }
    opening->engine = engine_at(&call, 0);
    opening->path = read_text(&call, 1);
    if (call.ok && napi_create_string_utf8(env, "foretick", NAPI_AUTO_LENGTH, &name) == napi_ok && napi_create_promise(env, &opening->deferred, &promise) == napi_ok
        && napi_create_async_work(env, NULL, name, opening_run, opening_done, opening, &opening->work) == napi_ok
        && napi_queue_async_work(env, opening->work) == napi_ok) {
        return promise;
    }
    call_wrong(&call, "the bundle cannot be opened in the background");
    text_free(&opening->path);
    free(opening);
    return NULL;
}

static napi_value bundle_describe(napi_env env, napi_callback_info info) {
    call_t call = call_of(env, info);
    uint64_t bundle = read_handle(&call, 0);
    return written(&call, write_bundle, bundle, 0);
}

#define CLOSE(noun)                                                                              \
    static napi_value noun##_close(napi_env env, napi_callback_info info) {                      \
        call_t call = call_of(env, info);                                                        \
        foretick_##noun##_t noun = noun##_at(&call, 0);                                          \
        if (call.ok) (void)call_check(&call, foretick_##noun##_close(noun));                     \
        return give_nothing(&call);                                                              \
    }
CLOSE(bundle)
CLOSE(lane)
CLOSE(track)
CLOSE(scorer)
CLOSE(link)

/* One of the pairs of slotPublish; false when it is none. */
static bool read_item(call_t *call, uint32_t at, uint32_t flags, foretick_publish_t *item) {
    call_t pair = { call->env, { NULL }, 2, NULL, true };
    text_t slot;
    if (napi_get_element(call->env, call->arguments[1], at, &pair.arguments[0]) != napi_ok || napi_get_element(call->env, call->arguments[2], at, &pair.arguments[1]) != napi_ok) {
        call_wrong(call, "slots and bundles are arrays of one length");
        return false;
    }
    slot = read_text(&pair, 0);
    *item = (foretick_publish_t)FORETICK_PUBLISH_INIT;
    item->flags = flags;
    item->slot = slot.data;
    item->slot_len = slot.len;
    item->bundle = bundle_at(&pair, 1);
    call->ok = pair.ok;
    return call->ok;
}

static napi_value give_generations(call_t *call, const uint64_t *generations, uint32_t count) {
    napi_value array = NULL;
    uint32_t i;
    if (!call->ok || napi_create_array_with_length(call->env, count, &array) != napi_ok) return NULL;
    for (i = 0; i < count; i++) (void)napi_set_element(call->env, array, i, give_u64(call, generations[i]));
    return array;
}

/* slotPublish(engine, [slots], [bundles], flags): generations */
static napi_value slot_publish(napi_env env, napi_callback_info info) {
    call_t call = call_of(env, info);
    foretick_engine_t engine = engine_at(&call, 0);
    uint32_t flags = read_u32(&call, 3), count = 0, read = 0;
    foretick_publish_t *items;
    uint64_t *generations;
    napi_value given = NULL;
    if (call.ok && napi_get_array_length(env, call.arguments[1], &count) != napi_ok) call_wrong(&call, "slots are an array");
    items = (foretick_publish_t *)calloc((size_t)count + 1, sizeof *items);
    generations = (uint64_t *)calloc((size_t)count + 1, sizeof *generations);
    if (items == NULL || generations == NULL) call_wrong(&call, "no memory for so many slots");
    while (call.ok && read < count && read_item(&call, read, flags, &items[read])) read++;
    if (call.ok && call_check(&call, foretick_slot_publish(engine, items, count, generations))) given = give_generations(&call, generations, count);
    /* one that was not read to its end may have its slot's name all the same */
    for (read = 0; items != NULL && read < count; read++) free((void *)(uintptr_t)items[read].slot);
    free(items);
    free(generations);
    return given;
}

/* slotEnable(engine, slot, member, on) */
static napi_value slot_enable(napi_env env, napi_callback_info info) {
    call_t call = call_of(env, info);
    foretick_engine_t engine = engine_at(&call, 0);
    text_t slot = read_text(&call, 1), member = read_text(&call, 2);
    uint32_t on = read_u32(&call, 3);
    if (call.ok) (void)call_check(&call, foretick_slot_enable(engine, slot.data, slot.len, member.data, member.len, (int32_t)on));
    text_free(&slot);
    text_free(&member);
    return give_nothing(&call);
}

/* laneOpen(engine, options) */
static napi_value lane_open(napi_env env, napi_callback_info info) {
    call_t call = call_of(env, info);
    foretick_engine_t engine = engine_at(&call, 0);
    text_t options = read_text(&call, 1);
    foretick_lane_t lane = { 0 };
    if (call.ok) (void)call_check(&call, foretick_lane_open(engine, options.data, options.len, &lane));
    text_free(&options);
    return give_u64(&call, lane.id);
}

/* linkOpen(lane, options) */
static napi_value link_open(napi_env env, napi_callback_info info) {
    call_t call = call_of(env, info);
    foretick_lane_t lane = lane_at(&call, 0);
    text_t options = read_text(&call, 1);
    foretick_link_t link = { 0 };
    if (call.ok) (void)call_check(&call, foretick_link_open(lane, options.data, options.len, &link));
    text_free(&options);
    return give_u64(&call, link.id);
}

/* laneSnapshot(lane, Uint8Array): how many bytes there are; with less room nothing is written */
static napi_value lane_snapshot(napi_env env, napi_callback_info info) {
    call_t call = call_of(env, info);
    foretick_lane_t lane = lane_at(&call, 0);
    memory_t memory = read_memory(&call, 1, false);
    napi_value value = NULL;
    size_t len = 0;
    if (call.ok) {
        foretick_status_t status = foretick_lane_snapshot(lane, memory.data, memory.bytes, &len);
        if (status != FORETICK_BUFFER_TOO_SMALL) (void)call_check(&call, status);
    }
    if (call.ok) (void)napi_create_double(env, (double)len, &value);
    return value;
}

/* laneRestore(lane, Uint8Array) */
static napi_value lane_restore(napi_env env, napi_callback_info info) {
    call_t call = call_of(env, info);
    foretick_lane_t lane = lane_at(&call, 0);
    memory_t memory = read_memory(&call, 1, false);
    if (call.ok) (void)call_check(&call, foretick_lane_restore(lane, memory.data, memory.bytes));
    return give_nothing(&call);
}

/* resultAttach(track, memory): shared memory, which the caller keeps until it is given back; an empty array gives back what there was */
static napi_value result_attach(napi_env env, napi_callback_info info) {
    call_t call = call_of(env, info);
    foretick_track_t track = track_at(&call, 0);
    memory_t memory = read_memory(&call, 1, true);
    if (call.ok) (void)call_check(&call, foretick_result_attach(track, memory.bytes == 0 ? NULL : memory.data, memory.bytes));
    return give_nothing(&call);
}

/* alignedAt(memory, bytes): the first offset at which its address is a multiple of so many bytes */
static napi_value aligned_at(napi_env env, napi_callback_info info) {
    call_t call = call_of(env, info);
    memory_t memory = read_memory(&call, 0, true);
    uint32_t bytes = read_u32(&call, 1);
    if (call.ok && bytes == 0) call_wrong(&call, "an alignment is above 0");
    return give_u32(&call, call.ok ? (uint32_t)((bytes - (uintptr_t)memory.data % bytes) % bytes) : 0);
}

/* trackOpen(lane, slot, Uint32Array of streams, flags) */
static napi_value track_open(napi_env env, napi_callback_info info) {
    call_t call = call_of(env, info);
    foretick_lane_t lane = lane_at(&call, 0);
    text_t slot = read_text(&call, 1);
    memory_t streams = read_memory(&call, 2, false);
    uint32_t flags = read_u32(&call, 3);
    foretick_track_t track = { 0 };
    if (call.ok) {
        (void)call_check(&call, foretick_track_open(lane, slot.data, slot.len, (const uint32_t *)(const void *)streams.data, streams.bytes / sizeof(uint32_t), flags, &track));
    }
    text_free(&slot);
    return give_u64(&call, track.id);
}

/* trackPrepare(track) */
static napi_value track_prepare(napi_env env, napi_callback_info info) {
    call_t call = call_of(env, info);
    foretick_track_t track = track_at(&call, 0);
    if (call.ok) (void)call_check(&call, foretick_track_prepare(track));
    return give_nothing(&call);
}

/* scorerPrepare(scorer) */
static napi_value scorer_prepare(napi_env env, napi_callback_info info) {
    call_t call = call_of(env, info);
    foretick_scorer_t scorer = scorer_at(&call, 0);
    if (call.ok) (void)call_check(&call, foretick_scorer_prepare(scorer));
    return give_nothing(&call);
}

/* trackEnable(track, on) */
static napi_value track_enable(napi_env env, napi_callback_info info) {
    call_t call = call_of(env, info);
    foretick_track_t track = track_at(&call, 0);
    uint32_t on = read_u32(&call, 1);
    if (call.ok) (void)call_check(&call, foretick_track_enable(track, (int32_t)on));
    return give_nothing(&call);
}

/* trackRow(track, flags, Float64Array, BigInt64Array of 1 for close_ns): how many there are; with less room nothing is written */
static napi_value track_row(napi_env env, napi_callback_info info) {
    call_t call = call_of(env, info);
    foretick_track_t track = track_at(&call, 0);
    uint32_t flags = read_u32(&call, 1);
    memory_t row = read_memory(&call, 2, false), close_ns = read_memory(&call, 3, false);
    size_t len = 0;
    if (call.ok && close_ns.bytes < sizeof(int64_t)) call_wrong(&call, "close_ns has no room");
    if (call.ok) {
        foretick_status_t status = foretick_track_row(track, flags, (double *)(void *)row.data, row.bytes / sizeof(double), &len, (int64_t *)(void *)close_ns.data);
        if (status != FORETICK_BUFFER_TOO_SMALL) (void)call_check(&call, status);
    }
    return give_u32(&call, (uint32_t)len);
}

/* trackDetails(track, record, outputs, members, missing): whether there was room; the lengths stand in the record */
static napi_value track_details(napi_env env, napi_callback_info info) {
    call_t call = call_of(env, info);
    foretick_track_t track = track_at(&call, 0);
    memory_t record = read_memory(&call, 1, false), outputs = read_memory(&call, 2, false), members = read_memory(&call, 3, false), missing = read_memory(&call, 4, false);
    foretick_details_t details = FORETICK_DETAILS_INIT;
    foretick_status_t status = FORETICK_OK;
    if (call.ok && record.bytes < sizeof details) call_wrong(&call, "the record has no room");
    if (call.ok) {
        details.outputs = (foretick_output_t *)(void *)outputs.data;
        details.outputs_cap = outputs.bytes / sizeof(foretick_output_t);
        details.members = (foretick_member_t *)(void *)members.data;
        details.members_cap = members.bytes / sizeof(foretick_member_t);
        details.missing = (uint64_t *)(void *)missing.data;
        details.missing_cap = missing.bytes / sizeof(uint64_t);
        status = foretick_track_details(track, &details);
        if (status != FORETICK_BUFFER_TOO_SMALL) (void)call_check(&call, status);
        if (call.ok) memcpy(record.data, &details, sizeof details);
    }
    return give_u32(&call, status == FORETICK_OK ? 1 : 0);
}

/* scorerOpen(engine, slot, model, flags) */
static napi_value scorer_open(napi_env env, napi_callback_info info) {
    call_t call = call_of(env, info);
    foretick_engine_t engine = engine_at(&call, 0);
    text_t slot = read_text(&call, 1), model = read_text(&call, 2);
    uint32_t flags = read_u32(&call, 3);
    foretick_scorer_t scorer = { 0 };
    if (call.ok) (void)call_check(&call, foretick_scorer_open(engine, slot.data, slot.len, model.data, model.len, flags, &scorer));
    text_free(&slot);
    text_free(&model);
    return give_u64(&call, scorer.id);
}

/* scorerInfo(scorer, record) */
static napi_value scorer_info(napi_env env, napi_callback_info info) {
    call_t call = call_of(env, info);
    foretick_scorer_t scorer = scorer_at(&call, 0);
    memory_t record = read_memory(&call, 1, false);
    foretick_scorer_info_t found = FORETICK_SCORER_INFO_INIT;
    if (call.ok && record.bytes < sizeof found) call_wrong(&call, "the record has no room");
    if (call.ok && call_check(&call, foretick_scorer_info(scorer, &found))) memcpy(record.data, &found, sizeof found);
    return give_nothing(&call);
}

/* The bytes that n rows need: a row's, and so many strides. False when that is no number of bytes that memory has. */
static bool rows_fit(const foretick_scorer_info_t *info, size_t values, size_t n, size_t stride, size_t bytes) {
    size_t value = (info->flags & FORETICK_SCORER_RAW) != 0 ? sizeof(double) : sizeof(float);
    size_t row = values * value, step = stride == 0 ? row : stride;
    return n == 0 || (bytes >= row && (step == 0 || n - 1 <= (bytes - row) / step));
}

typedef foretick_status_t (*score_t)(foretick_scorer_t, const void *, size_t, size_t, float *, size_t);

/* (scorer, rows, n, stride, Float32Array), of rows of F values or of whole windows */
static napi_value scored(napi_env env, napi_callback_info info, score_t score, bool windows) {
    call_t call = call_of(env, info);
    foretick_scorer_t scorer = scorer_at(&call, 0);
    memory_t rows = read_memory(&call, 1, false), out = read_memory(&call, 4, false);
    size_t n = read_size(&call, 2), stride = read_size(&call, 3);
    foretick_scorer_info_t found = FORETICK_SCORER_INFO_INIT;
    if (call.ok && call_check(&call, foretick_scorer_info(scorer, &found))) {
        if (!rows_fit(&found, (size_t)found.features * (windows ? found.window : 1), n, stride, rows.bytes)) call_wrong(&call, "the rows reach past the end of their array");
    }
    if (call.ok) (void)call_check(&call, score(scorer, rows.data, n, stride, (float *)(void *)out.data, out.bytes / sizeof(float)));
    return give_nothing(&call);
}

/* scorerRun(scorer, rows, n, stride, Float32Array) */
static napi_value scorer_run(napi_env env, napi_callback_info info) {
    return scored(env, info, foretick_scorer_run, true);
}

/* scorerNext(scorer, rows, n, stride, Float32Array) */
static napi_value scorer_next(napi_env env, napi_callback_info info) {
    return scored(env, info, foretick_scorer_next, false);
}

static napi_value give_limbs(call_t *call, const uint64_t *limbs) {
    napi_value value = NULL;
    if (call->ok) (void)napi_create_bigint_words(call->env, 0, 4, limbs, &value);
    return value;
}

/* amountParse(text, decimals): units as a BigInt */
static napi_value amount_parse(napi_env env, napi_callback_info info) {
    call_t call = call_of(env, info);
    text_t text = read_text(&call, 0);
    uint32_t decimals = read_u32(&call, 1);
    uint64_t limbs[4] = { 0, 0, 0, 0 };
    if (call.ok) (void)call_check(&call, foretick_amount_parse(text.data, text.len, decimals, limbs));
    text_free(&text);
    return give_limbs(&call, limbs);
}

/* amountFromBytes(Uint8Array of 32) */
static napi_value amount_from_bytes(napi_env env, napi_callback_info info) {
    call_t call = call_of(env, info);
    memory_t bytes = read_memory(&call, 0, false);
    uint64_t limbs[4] = { 0, 0, 0, 0 };
    if (call.ok && bytes.bytes != 32) call_wrong(&call, "an amount has 32 bytes");
    if (call.ok) (void)call_check(&call, foretick_amount_from_bytes(bytes.data, limbs));
    return give_limbs(&call, limbs);
}

/* amountToF64(units, decimals) */
static napi_value amount_to_f64(napi_env env, napi_callback_info info) {
    call_t call = call_of(env, info);
    uint32_t decimals = read_u32(&call, 1);
    uint64_t limbs[5] = { 0, 0, 0, 0, 0 };
    size_t count = 5;
    int negative = 0;
    double value = 0;
    napi_value given = NULL;
    if (call.ok && (napi_get_value_bigint_words(env, call.arguments[0], &negative, &count, limbs) != napi_ok || negative != 0 || count > 4)) {
        call_wrong(&call, "units are a BigInt from 0 to 2^256 - 1");
    }
    if (call.ok && call_check(&call, foretick_amount_to_f64(limbs, decimals, &value))) (void)napi_create_double(env, value, &given);
    return given;
}

void add_calls(napi_env env, napi_value exports) {
    add_function(env, exports, "buildInfo", build_info);
    add_function(env, exports, "nowNs", now_ns);
    add_function(env, exports, "statusName", status_name);
    add_function(env, exports, "amountParse", amount_parse);
    add_function(env, exports, "amountFromBytes", amount_from_bytes);
    add_function(env, exports, "amountToF64", amount_to_f64);
    add_function(env, exports, "engineOpen", engine_open);
    add_function(env, exports, "engineClose", engine_close);
    add_function(env, exports, "engineMetrics", engine_metrics);
    add_function(env, exports, "engineDescribe", engine_describe);
    add_function(env, exports, "engineMaintain", engine_maintain);
    add_function(env, exports, "streamAdd", stream_add);
    add_function(env, exports, "bundleOpen", bundle_open);
    add_function(env, exports, "bundleOpenSync", bundle_open_sync);
    add_function(env, exports, "bundleDescribe", bundle_describe);
    add_function(env, exports, "bundleClose", bundle_close);
    add_function(env, exports, "slotPublish", slot_publish);
    add_function(env, exports, "slotEnable", slot_enable);
    add_function(env, exports, "laneOpen", lane_open);
    add_function(env, exports, "laneClose", lane_close);
    add_function(env, exports, "laneSnapshot", lane_snapshot);
    add_function(env, exports, "laneRestore", lane_restore);
    add_function(env, exports, "linkOpen", link_open);
    add_function(env, exports, "linkClose", link_close);
    add_function(env, exports, "resultAttach", result_attach);
    add_function(env, exports, "alignedAt", aligned_at);
    add_function(env, exports, "trackOpen", track_open);
    add_function(env, exports, "trackClose", track_close);
    add_function(env, exports, "trackPrepare", track_prepare);
    add_function(env, exports, "trackEnable", track_enable);
    add_function(env, exports, "trackRow", track_row);
    add_function(env, exports, "trackDetails", track_details);
    add_function(env, exports, "scorerOpen", scorer_open);
    add_function(env, exports, "scorerInfo", scorer_info);
    add_function(env, exports, "scorerRun", scorer_run);
    add_function(env, exports, "scorerNext", scorer_next);
    add_function(env, exports, "scorerPrepare", scorer_prepare);
    add_function(env, exports, "scorerClose", scorer_close);
}
