/* Row 41: a host that unloads the library has not: its threads go on, and so do handles. Argument: the shared library. */
#include <dlfcn.h>

#include "check.h"

typedef struct calls_t {
    foretick_status_t (*init)(uint32_t);
    foretick_status_t (*open)(const char *, size_t, foretick_engine_t *);
    foretick_status_t (*lane)(foretick_engine_t, const char *, size_t, foretick_lane_t *);
    foretick_status_t (*describe)(foretick_engine_t, uint32_t, char *, size_t, size_t *);
    foretick_status_t (*close)(foretick_engine_t);
} calls_t;

/* A function's address, copied as bytes: ISO C has no cast from an object's. */
#define FIND(library, into, name)                       \
    do {                                                \
        void *found_ = dlsym((library), (name));        \
        CHECK(found_ != NULL);                          \
        memcpy(&(into), &found_, sizeof found_);        \
    } while (0)

static void *loaded(const char *path, calls_t *calls) {
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    CHECK(library != NULL);
    FIND(library, calls->init, "foretick_init");
    FIND(library, calls->open, "foretick_engine_open");
    FIND(library, calls->lane, "foretick_lane_open");
    FIND(library, calls->describe, "foretick_engine_describe");
    FIND(library, calls->close, "foretick_engine_close");
    return library;
}

int main(int argc, char **argv) {
    static char text[4096];
    int round;
    CHECK(argc == 2);
    for (round = 0; round < 200; round++) {
        calls_t before, after;
        void *library = loaded(argv[1], &before);
        foretick_engine_t engine = { 0 };
        foretick_lane_t lane = { 0 };
        size_t len = 0;
        CHECK(before.init(FORETICK_ABI_VERSION) == FORETICK_OK);
        CHECK(before.open(NULL, 0, &engine) == FORETICK_OK);
        CHECK(before.lane(engine, TEXT("worker = true\nidle = \"sleep\""), &lane) == FORETICK_OK);
        CHECK(dlclose(library) == 0);
        CHECK(before.describe(engine, FORETICK_DESCRIBE_LANES, text, sizeof text, &len) == FORETICK_OK);
        library = loaded(argv[1], &after);
        CHECK(memcmp(&before, &after, sizeof before) == 0);
        CHECK(after.close(engine) == FORETICK_OK);
        CHECK(dlclose(library) == 0);
    }
    return 0;
}
