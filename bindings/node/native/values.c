/* Arguments, answers, failures. */
#include "values.h"

call_t call_of(napi_env env, napi_callback_info info) {
    call_t call = { env, { NULL }, MOST_ARGUMENTS, NULL, true };
    call.ok = napi_get_cb_info(env, info, &call.count, call.arguments, NULL, &call.data) == napi_ok;
    return call;
}

void call_wrong(call_t *call, const char *text) {
    if (call->ok) (void)napi_throw_type_error(call->env, "ERR_INVALID_ARG_TYPE", text);
    call->ok = false;
}

napi_value failure(napi_env env, foretick_status_t status, const char *text, size_t len) {
    char message[4200];
    const char *name = foretick_status_name(status);
    size_t head = strlen(name);
    napi_value code, words, number, error = NULL;
    memcpy(message, name, head);
    memcpy(message + head, ": ", 2);
    memcpy(message + head + 2, text, len);
    if (napi_create_string_utf8(env, name, head, &code) == napi_ok && napi_create_string_utf8(env, message, head + 2 + len, &words) == napi_ok
        && napi_create_int32(env, status, &number) == napi_ok && napi_create_error(env, code, words, &error) == napi_ok) {
        put(env, error, "status", number);
    }
    return error;
}

bool call_check(call_t *call, foretick_status_t status) {
    char text[4096];
    size_t len = 0;
    napi_value error;
    if (status == FORETICK_OK) return true;
    if (foretick_last_error(text, sizeof text, &len) != FORETICK_OK) len = 0;
    error = failure(call->env, status, text, len);
    if (call->ok && error != NULL) (void)napi_throw(call->env, error);
    call->ok = false;
    return false;
}

uint64_t read_handle(call_t *call, size_t at) {
    uint64_t value = 0;
    bool whole = false;
    if (call->ok && (napi_get_value_bigint_uint64(call->env, call->arguments[at], &value, &whole) != napi_ok || !whole)) call_wrong(call, "a handle is a BigInt");
    return value;
}

int64_t read_time(call_t *call, size_t at) {
    int64_t value = 0;
    double number = 0;
    bool whole = false;
    if (!call->ok) return 0;
    if (napi_get_value_bigint_int64(call->env, call->arguments[at], &value, &whole) == napi_ok) {
        if (!whole) call_wrong(call, "a time is in the range of 64 bits");
        return value;
    }
    /* nanoseconds since 1970 are beyond what a Number holds exactly, so that only small ones may come as one: 0, above all */
    if (napi_get_value_double(call->env, call->arguments[at], &number) != napi_ok || number != (double)(int64_t)number || number < -9007199254740991.0
        || number > 9007199254740991.0) {
        call_wrong(call, "a time is a BigInt, or a Number that is a safe integer");
        return 0;
    }
    return (int64_t)number;
}

uint32_t read_u32(call_t *call, size_t at) {
    double number = 0;
    if (!call->ok) return 0;
    if (napi_get_value_double(call->env, call->arguments[at], &number) != napi_ok || !(number >= 0 && number <= 4294967295.0) || number != (double)(uint32_t)number) {
        call_wrong(call, "a whole number of 32 bits is expected");
        return 0;
    }
    return (uint32_t)number;
}

size_t read_size(call_t *call, size_t at) {
    double number = 0;
    if (!call->ok) return 0;
    if (napi_get_value_double(call->env, call->arguments[at], &number) != napi_ok || !(number >= 0 && number <= 9007199254740991.0) || number != (double)(size_t)number) {
        call_wrong(call, "a whole number from 0 is expected");
        return 0;
    }
    return (size_t)number;
}

text_t read_text(call_t *call, size_t at) {
    text_t text = { NULL, 0 };
    if (!call->ok) return text;
    if (napi_get_value_string_utf8(call->env, call->arguments[at], NULL, 0, &text.len) != napi_ok) {
        call_wrong(call, "a string is expected");
        return text;
    }
    if (text.len == 0) return text;
    text.data = (char *)malloc(text.len + 1);
    if (text.data == NULL || napi_get_value_string_utf8(call->env, call->arguments[at], text.data, text.len + 1, &text.len) != napi_ok) {
        call_wrong(call, "a string that can be read is expected");
    }
    return text;
}

void text_free(text_t *text) {
    free(text->data);
    text->data = NULL;
}

/* Size of an element by kind of array: Int8, Uint8, Uint8Clamped, Int16, Uint16, Int32, Uint32, Float32, Float64, BigInt64, BigUint64. */
static const size_t element_bytes[] = { 1, 1, 1, 2, 2, 4, 4, 4, 8, 8, 8 };

memory_t read_memory(call_t *call, size_t at, bool shared) {
    memory_t memory = { NULL, 0 };
    napi_typedarray_type kind;
    napi_value buffer;
    void *data = NULL;
    size_t count = 0;
    bool plain = true;
    if (!call->ok) return memory;
    if (napi_get_typedarray_info(call->env, call->arguments[at], &kind, &count, &data, &buffer, NULL) != napi_ok
        || (size_t)kind >= sizeof element_bytes / sizeof element_bytes[0]) {
        call_wrong(call, "a typed array is expected");
        return memory;
    }
    if (napi_is_arraybuffer(call->env, buffer, &plain) != napi_ok || (shared && plain)) {
        call_wrong(call, "a typed array over a SharedArrayBuffer is expected");
        return memory;
    }
    memory.data = (unsigned char *)data;
    memory.bytes = count * element_bytes[kind];
    return memory;
}

napi_value give_nothing(call_t *call) {
    napi_value value = NULL;
    if (call->ok) (void)napi_get_undefined(call->env, &value);
    return value;
}

napi_value give_u64(call_t *call, uint64_t number) {
    napi_value value = NULL;
    if (call->ok) (void)napi_create_bigint_uint64(call->env, number, &value);
    return value;
}

napi_value give_u32(call_t *call, uint32_t number) {
    napi_value value = NULL;
    if (call->ok) (void)napi_create_uint32(call->env, number, &value);
    return value;
}

napi_value give_text(call_t *call, const char *data, size_t len) {
    napi_value value = NULL;
    if (call->ok) (void)napi_create_string_utf8(call->env, data, len, &value);
    return value;
}

void put(napi_env env, napi_value object, const char *name, napi_value value) {
    (void)napi_set_named_property(env, object, name, value);
}
