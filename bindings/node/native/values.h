/* Arguments out of JavaScript, answers into it, failures as exceptions. What every file of the addon shares. */
#ifndef VALUES_H
#define VALUES_H

#define NAPI_VERSION 8
#include <node_api.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "foretick.h"

#define MOST_ARGUMENTS 7

/* A call's environment and arguments; `ok` falls with the first that is not what it must be, and then an exception is pending. */
typedef struct call_t {
    napi_env env;
    napi_value arguments[MOST_ARGUMENTS];
    size_t count;
    void *data;
    bool ok;
} call_t;

/* Text of a call: freed by text_free. */
typedef struct text_t {
    char *data;
    size_t len;
} text_t;

/* Memory of a typed array. */
typedef struct memory_t {
    unsigned char *data;
    size_t bytes;
} memory_t;

call_t call_of(napi_env env, napi_callback_info info);
/* Throws a TypeError, once. */
void call_wrong(call_t *call, const char *text);
/* Throws an Error with `status`, `code` and the library's text, unless the status is OK; on the thread that failed. */
bool call_check(call_t *call, foretick_status_t status);
napi_value failure(napi_env env, foretick_status_t status, const char *text, size_t len);

uint64_t read_handle(call_t *call, size_t at);
/* A BigInt, or a Number that is a whole one. */
int64_t read_time(call_t *call, size_t at);
uint32_t read_u32(call_t *call, size_t at);
size_t read_size(call_t *call, size_t at);
text_t read_text(call_t *call, size_t at);
void text_free(text_t *text);
/* A typed array or DataView; `shared` demands a SharedArrayBuffer, which nothing can take away. */
memory_t read_memory(call_t *call, size_t at, bool shared);

napi_value give_nothing(call_t *call);
napi_value give_u64(call_t *call, uint64_t value);
napi_value give_u32(call_t *call, uint32_t value);
napi_value give_text(call_t *call, const char *data, size_t len);
void put(napi_env env, napi_value object, const char *name, napi_value value);

/* What an environment has opened and closes at its end. */
bool engines_add(napi_env env, uint64_t engine);
void engines_remove(napi_env env, uint64_t engine);

/* The parts of the addon. */
void add_function(napi_env env, napi_value exports, const char *name, napi_callback function);
void add_calls(napi_env env, napi_value exports);
void add_bound(napi_env env, napi_value exports);
void add_layout(napi_env env, napi_value exports);

#endif
