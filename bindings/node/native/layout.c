/* The header's numbers and the layout of its records, as the compiler sees them: build.js lists their names, nobody copies a number. */
#include "values.h"

#include <stddef.h>

typedef struct number_t {
    const char *name;
    uint64_t value;
} number_t;

static const number_t numbers[] = {
#define NUMBER(name) { #name, (uint64_t)(FORETICK_##name) },
#include "constants.inc"
#undef NUMBER
};

/* A field's type: unsigned by capital, signed by small letter; Q, X and D are arrays of u64, bytes and doubles, s is a name. */
#define TYPE(field)                                                                                                          \
    _Generic((field), uint64_t: 'B', uint32_t: 'I', uint16_t: 'H', uint8_t: 'C', int64_t: 'b', int32_t: 'i', float: 'f', double: 'd', \
        uint64_t *: 'Q', uint8_t *: 'X', char *: 's', foretick_level_t *: 'D', foretick_change_t *: 'D', foretick_event_t: 'E', default: 'p')

typedef struct field_t {
    const char *record;
    const char *name;
    size_t offset;
    size_t bytes;
    size_t record_bytes;
    char type[2];
} field_t;

static field_t fields[] = {
#define FIELD(record, name)                                                                                                   \
    { #record, #name, offsetof(foretick_##record##_t, name), sizeof(((foretick_##record##_t *)0)->name), sizeof(foretick_##record##_t), { 0, 0 } },
#include "fields.inc"
#undef FIELD
};

static void read_types(void) {
    size_t at = 0;
#define FIELD(record, name) fields[at++].type[0] = TYPE(((foretick_##record##_t *)0)->name);
#include "fields.inc"
#undef FIELD
}

static napi_value constants(napi_env env) {
    napi_value object, value;
    size_t i;
    if (napi_create_object(env, &object) != napi_ok) return NULL;
    for (i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        /* a bit above the 53rd is no Number; reasons are the only 64-bit sets, so all of them are BigInts */
        napi_status made = strncmp(numbers[i].name, "REASON_", 7) == 0 ? napi_create_bigint_uint64(env, numbers[i].value, &value)
                                                                      : napi_create_double(env, (double)numbers[i].value, &value);
        if (made == napi_ok) put(env, object, numbers[i].name, value);
    }
    return object;
}

static napi_value field_value(napi_env env, const field_t *field) {
    napi_value array, offset, type, bytes;
    if (napi_create_array_with_length(env, 3, &array) != napi_ok || napi_create_uint32(env, (uint32_t)field->offset, &offset) != napi_ok
        || napi_create_string_utf8(env, field->type, 1, &type) != napi_ok || napi_create_uint32(env, (uint32_t)field->bytes, &bytes) != napi_ok) {
        return NULL;
    }
    (void)napi_set_element(env, array, 0, offset);
    (void)napi_set_element(env, array, 1, type);
    (void)napi_set_element(env, array, 2, bytes);
    return array;
}

/* { trade: { bytes: 64, fields: { price: [32, 'd', 8], ... } }, ... } */
static napi_value layout(napi_env env) {
    napi_value object, record = NULL, members = NULL, bytes;
    size_t i;
    if (napi_create_object(env, &object) != napi_ok) return NULL;
    for (i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (i == 0 || strcmp(fields[i].record, fields[i - 1].record) != 0) {
            if (napi_create_object(env, &record) != napi_ok || napi_create_object(env, &members) != napi_ok) return NULL;
            if (napi_create_uint32(env, (uint32_t)fields[i].record_bytes, &bytes) == napi_ok) put(env, record, "bytes", bytes);
            put(env, record, "fields", members);
            put(env, object, fields[i].record, record);
        }
        put(env, members, fields[i].name, field_value(env, &fields[i]));
    }
    return object;
}

void add_layout(napi_env env, napi_value exports) {
    read_types();
    put(env, exports, "constants", constants(env));
    put(env, exports, "layout", layout(env));
}
