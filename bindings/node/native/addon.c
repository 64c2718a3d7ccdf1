/*
 * foretick for Node.js: a C11 addon over foretick.h. index.js makes it pleasant; nobody else loads it.
 *
 * An environment (the main thread, a worker) has its own list of engines, which it closes at its end before its memory goes: what runs in
 * them is ended and waited for, up to housekeeping.close_timeout_ms. The library itself is one a process, and stays mapped.
 */
#include "values.h"

typedef struct engines_t {
    uint64_t *ids;
    size_t count;
    size_t room;
} engines_t;

/* The environment ends; an engine that is still busy goes on, and its handle is nobody's. */
static void close_engines(void *data) {
    engines_t *engines = (engines_t *)data;
    while (engines->count > 0) {
        foretick_engine_t engine = { engines->ids[--engines->count] };
        foretick_engine_close(engine);
    }
}

static void free_engines(napi_env env, void *data, void *hint) {
    engines_t *engines = (engines_t *)data;
    (void)env;
    (void)hint;
    free(engines->ids);
    free(engines);
}

static engines_t *engines_of(napi_env env) {
    void *data = NULL;
    return napi_get_instance_data(env, &data) == napi_ok ? (engines_t *)data : NULL;
}

bool engines_add(napi_env env, uint64_t engine) {
    engines_t *engines = engines_of(env);
    if (engines == NULL) return false;
    if (engines->count == engines->room) {
        size_t room = engines->room == 0 ? 4 : 2 * engines->room;
        uint64_t *ids = (uint64_t *)realloc(engines->ids, room * sizeof *ids);
        if (ids == NULL) return false;
        engines->ids = ids;
        engines->room = room;
    }
    engines->ids[engines->count++] = engine;
    return true;
}

void engines_remove(napi_env env, uint64_t engine) {
    engines_t *engines = engines_of(env);
    size_t i;
    for (i = 0; engines != NULL && i < engines->count; i++) {
        if (engines->ids[i] == engine) engines->ids[i] = engines->ids[--engines->count];
    }
}

void add_function(napi_env env, napi_value exports, const char *name, napi_callback function) {
    napi_value value;
    if (napi_create_function(env, name, NAPI_AUTO_LENGTH, function, NULL, &value) == napi_ok) put(env, exports, name, value);
}

NAPI_MODULE_INIT() {
    call_t call = { env, { NULL }, 0, NULL, true };
    engines_t *engines = (engines_t *)calloc(1, sizeof *engines);
    if (engines == NULL || napi_set_instance_data(env, engines, free_engines, NULL) != napi_ok) {
        free(engines);
        return NULL;
    }
    if (napi_add_env_cleanup_hook(env, close_engines, engines) != napi_ok || !call_check(&call, foretick_init(FORETICK_ABI_VERSION))) return NULL;
    add_calls(env, exports);
    add_bound(env, exports);
    add_layout(env, exports);
    return exports;
}
