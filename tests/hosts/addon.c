/* The least that Node needs to have predictions off its main thread. Its exports share one engine in the process. */
#include <node_api.h>

#include "../c/endless.h"

static const char options[] = "[housekeeping]\ninterval_ms = 60000\nclose_timeout_ms = 60000\n";

typedef struct work_t {
    napi_async_work work;
    napi_deferred deferred;
} work_t;

static napi_value undefined(napi_env env) {
    napi_value value;
    CHECK(napi_get_undefined(env, &value) == napi_ok);
    return value;
}

/* open(folder) */
static napi_value open_engine(napi_env env, napi_callback_info info) {
    char folder[4096];
    size_t count = 1, len = 0;
    napi_value argument;
    CHECK(napi_get_cb_info(env, info, &count, &argument, NULL, NULL) == napi_ok && count == 1);
    CHECK(napi_get_value_string_utf8(env, argument, folder, sizeof folder, &len) == napi_ok);
    start(options, folder);
    return undefined(env);
}

/* on a thread of libuv's pool */
static void run(napi_env env, void *data) {
    (void)env;
    (void)data;
    predict();
}

/* on the thread that asked, unless that one is ending */
static void finish(napi_env env, napi_status status, void *data) {
    work_t *work = (work_t *)data;
    if (status == napi_ok) (void)napi_resolve_deferred(env, work->deferred, undefined(env));
    (void)napi_delete_async_work(env, work->work);
    free(work);
}

/* predict(): a promise */
static napi_value predict_async(napi_env env, napi_callback_info info) {
    work_t *work = (work_t *)malloc(sizeof(work_t));
    napi_value promise, name;
    (void)info;
    CHECK(work != NULL && napi_create_promise(env, &work->deferred, &promise) == napi_ok);
    CHECK(napi_create_string_utf8(env, "predict", 7, &name) == napi_ok);
    CHECK(napi_create_async_work(env, NULL, name, run, finish, work, &work->work) == napi_ok);
    CHECK(napi_queue_async_work(env, work->work) == napi_ok);
    return promise;
}

/* inside(): whether a prediction is going on */
static napi_value is_inside(napi_env env, napi_callback_info info) {
    napi_value value;
    (void)info;
    CHECK(napi_get_boolean(env, inside() != 0, &value) == napi_ok);
    return value;
}

/* close() */
static napi_value close_engine(napi_env env, napi_callback_info info) {
    (void)info;
    OK(foretick_engine_close(engine));
    return undefined(env);
}

static void add(napi_env env, napi_value exports, const char *name, napi_callback call) {
    napi_value function;
    CHECK(napi_create_function(env, name, NAPI_AUTO_LENGTH, call, NULL, &function) == napi_ok);
    CHECK(napi_set_named_property(env, exports, name, function) == napi_ok);
}

NAPI_MODULE_INIT() {
    add(env, exports, "open", open_engine);
    add(env, exports, "predict", predict_async);
    add(env, exports, "inside", is_inside);
    add(env, exports, "close", close_engine);
    return exports;
}
