/* Scorers: models alone on the caller's rows, wrong calls, a second caller, closes. Argument: the folder of a bundle with the
 * features volume (minmax from -1 to 1) and volume_sma_5 (0.5 where missing), and the models lr, ratio and w (a window of 4). */
#include <math.h>
#include <pthread.h>
#include <sched.h>

#include "check.h"

enum { F = 2, W = 4, ROWS = 5, MANY = 20000 };

static const float rows[ROWS][F] = { { 0.1f, 0.2f }, { -0.4f, 3.0f }, { 0.0f, 0.0f }, { 2.5f, -1.0f }, { -7.0f, 0.3f } };

static foretick_scorer_t scorer_of(foretick_engine_t engine, const char *model, uint32_t flags) {
    foretick_scorer_t scorer = { 0 };
    OK(foretick_scorer_open(engine, TEXT("direction"), model, strlen(model), flags, &scorer));
    CHECK(scorer.id != 0);
    return scorer;
}

/* lr of a scaled row */
static double expected(double a, double b) { return 1.0 / (1.0 + exp(-(4.0 * a + 0.5 * b + 0.25))); }

static void opening(foretick_engine_t engine) {
    foretick_scorer_t scorer = { 5 };
    IS(foretick_scorer_open(engine, TEXT("nothing"), TEXT("lr"), 0, &scorer), FORETICK_NO_BUNDLE);
    CHECK(said("direction"));
    IS(foretick_scorer_open(engine, TEXT("direction"), TEXT("lrr"), 0, &scorer), FORETICK_NOT_FOUND);
    CHECK(said("lr, ratio, w"));
    IS(foretick_scorer_open(engine, TEXT("direction"), TEXT("lr"), 2, &scorer), FORETICK_INVALID_ARGUMENT);
    IS(foretick_scorer_open(engine, TEXT("direction"), TEXT("lr"), 0, NULL), FORETICK_NULL_POINTER);
    CHECK(scorer.id == 5);
}

static void info(foretick_engine_t engine) {
    struct { foretick_scorer_info_t known; uint64_t more; } newer;
    foretick_scorer_info_t info = FORETICK_SCORER_INFO_INIT;
    foretick_scorer_t scorer = scorer_of(engine, "w", 0), raw = scorer_of(engine, "lr", FORETICK_SCORER_RAW);
    OK(foretick_scorer_info(scorer, &info));
    CHECK(info.features == F && info.window == W && info.outputs == 2 && info.flags == 0);
    CHECK(info.generation > 0 && info.backend == FORETICK_BACKEND_NATIVE && info.struct_size == sizeof info);
    OK(foretick_scorer_info(raw, &info));
    CHECK(info.features == F && info.window == 1 && info.flags == FORETICK_SCORER_RAW);
    memset(&newer, 0xAA, sizeof newer);
    newer.known.struct_size = sizeof newer;
    OK(foretick_scorer_info(scorer, &newer.known));
    CHECK(newer.known.window == W && newer.more == 0 && newer.known.struct_size == sizeof newer);
    info.struct_size = sizeof info - 4;
    IS(foretick_scorer_info(scorer, &info), FORETICK_STRUCT_SIZE);
    IS(foretick_scorer_info(scorer, NULL), FORETICK_NULL_POINTER);
    OK(foretick_scorer_close(scorer));
    OK(foretick_scorer_close(raw));
}

static void scoring(foretick_engine_t engine) {
    struct { float x[F]; double other; } apart[ROWS];
    float dense[ROWS][2], strided[ROWS][2], single[2];
    foretick_scorer_t scorer = scorer_of(engine, "lr", 0);
    int i;
    OK(foretick_scorer_run(scorer, rows, ROWS, 0, &dense[0][0], ROWS * 2));
    for (i = 0; i < ROWS; i++) {
        CHECK(fabs((double)dense[i][1] - expected((double)rows[i][0], (double)rows[i][1])) < 1e-6);
        CHECK(fabs((double)dense[i][0] + (double)dense[i][1] - 1.0) < 1e-6);
        memcpy(apart[i].x, rows[i], sizeof rows[i]);
        apart[i].other = NAN;
    }
    OK(foretick_scorer_run(scorer, apart, ROWS, sizeof apart[0], &strided[0][0], ROWS * 2));
    CHECK(memcmp(dense, strided, sizeof dense) == 0);
    for (i = 0; i < ROWS; i++) { /* one by one, bit for bit as together */
        OK(foretick_scorer_run(scorer, rows[i], 1, 0, single, 2));
        CHECK(memcmp(dense[i], single, sizeof single) == 0);
    }
    OK(foretick_scorer_run(scorer, NULL, 0, 3, NULL, 0));
    OK(foretick_scorer_close(scorer));
}

static void windows(foretick_engine_t engine) {
    float sliding[2][2], single[2][2];
    foretick_scorer_t scorer = scorer_of(engine, "w", 0);
    /* windows may slide: the second begins a row after the first */
    OK(foretick_scorer_run(scorer, rows, 2, sizeof rows[0], &sliding[0][0], 4));
    OK(foretick_scorer_run(scorer, rows[0], 1, 0, single[0], 2));
    OK(foretick_scorer_run(scorer, rows[1], 1, 0, single[1], 2));
    CHECK(memcmp(sliding, single, sizeof single) == 0 && memcmp(single[0], single[1], sizeof single[0]) != 0);
    IS(foretick_scorer_run(scorer, rows, 2, sizeof rows[0] - 4, &sliding[0][0], 4), FORETICK_SHAPE);
    OK(foretick_scorer_close(scorer));
}

/* Rows that follow the last window, alone and together, give the bits of the windows that they make. */
static void following(foretick_engine_t engine) {
    float stream[ROWS + 1][F] = { { 0 } }, whole[3][2], next[3][2], more[2][2], bad[F] = { 0, INFINITY };
    foretick_scorer_t scorer = scorer_of(engine, "w", 0), other = scorer_of(engine, "w", 0);
    const float *row = stream[W];
    memcpy(stream, rows, sizeof rows);
    stream[ROWS][0] = 1.5f;
    OK(foretick_scorer_run(other, stream, 3, sizeof rows[0], &whole[0][0], 6));
    IS(foretick_scorer_next(scorer, row, 1, 0, next[1], 2), FORETICK_WRONG_STATE);
    OK(foretick_scorer_next(scorer, NULL, 0, 0, NULL, 0));
    OK(foretick_scorer_run(scorer, stream, 1, 0, next[0], 2));
    OK(foretick_scorer_prepare(scorer));
    IS(foretick_scorer_next(scorer, bad, 1, 0, next[1], 2), FORETICK_NOT_FINITE);
    IS(foretick_scorer_next(scorer, row, 1, 0, next[1], 1), FORETICK_BUFFER_TOO_SMALL);
    IS(foretick_scorer_next(scorer, row, 2, sizeof rows[0] - 4, next[1], 4), FORETICK_SHAPE);
    IS(foretick_scorer_next(scorer, NULL, 1, 0, next[1], 2), FORETICK_NULL_POINTER);
    OK(foretick_scorer_next(scorer, row, 1, 0, next[1], 2));
    OK(foretick_scorer_next(scorer, row + F, 1, 0, next[2], 2));
    CHECK(memcmp(whole, next, sizeof whole) == 0);
    OK(foretick_scorer_run(scorer, stream, 1, 0, next[0], 2));
    OK(foretick_scorer_next(scorer, row, 2, 0, &more[0][0], 4));
    CHECK(memcmp(whole[1], more, sizeof more) == 0);
    OK(foretick_scorer_close(scorer));
    OK(foretick_scorer_close(other));
}

static void unscaled(foretick_engine_t engine) {
    double values[3][F] = { { 0.5, 0.25 }, { -1.0, NAN }, { 3.0, 1.0 } };
    float out[3][2], scaled[F] = { 0.75f, 0.25f }, same[2];
    foretick_scorer_t raw = scorer_of(engine, "lr", FORETICK_SCORER_RAW), plain = scorer_of(engine, "lr", 0);
    OK(foretick_scorer_run(raw, values, 3, 0, &out[0][0], 6));
    OK(foretick_scorer_run(plain, scaled, 1, 0, same, 2));
    CHECK(memcmp(out[0], same, sizeof same) == 0);
    CHECK(fabs((double)out[1][1] - expected(0.0, 0.5)) < 1e-6 && fabs((double)out[2][1] - expected(2.0, 1.0)) < 1e-6);
    values[1][0] = NAN;
    IS(foretick_scorer_run(raw, values, 3, 0, &out[0][0], 6), FORETICK_NOT_FINITE);
    CHECK(said("row 1") && said("column 0 (volume)"));
    values[1][0] = -INFINITY;
    IS(foretick_scorer_run(raw, values, 3, 0, &out[0][0], 6), FORETICK_NOT_FINITE);
    values[1][0] = 1e300;
    IS(foretick_scorer_run(raw, values, 3, 0, &out[0][0], 6), FORETICK_RANGE);
    CHECK(said("row 1") && said("f32"));
    OK(foretick_scorer_close(raw));
    OK(foretick_scorer_close(plain));
}

static void wrong(foretick_engine_t engine) {
    union { float x[64]; unsigned char bytes[256]; } room;
    float out[ROWS * 2], bad[3][F] = { { 1.0f, 1.0f }, { 1.0f, 1.0f }, { 1.0f, 1.0f } };
    foretick_scorer_t scorer = scorer_of(engine, "lr", 0), ratio = scorer_of(engine, "ratio", 0);
    size_t most = (size_t)-1;
    memset(&room, 0, sizeof room);
    IS(foretick_scorer_run(scorer, rows, ROWS, sizeof rows[0] - 4, out, ROWS * 2), FORETICK_SHAPE);
    IS(foretick_scorer_run(scorer, rows, ROWS, sizeof rows[0] + 2, out, ROWS * 2), FORETICK_ALIGNMENT);
    IS(foretick_scorer_run(scorer, rows, most, 0, out, most), FORETICK_SHAPE);
    IS(foretick_scorer_run(scorer, rows, most / 8, 0, out, most), FORETICK_SHAPE);
    IS(foretick_scorer_run(scorer, rows, 2, most & ~(size_t)3, out, most), FORETICK_SHAPE);
    IS(foretick_scorer_run(scorer, rows, ROWS, 0, out, ROWS * 2 - 1), FORETICK_BUFFER_TOO_SMALL);
    CHECK(said("need 10"));
    IS(foretick_scorer_run(scorer, NULL, 1, 0, out, 2), FORETICK_NULL_POINTER);
    IS(foretick_scorer_run(scorer, rows, 1, 0, NULL, 2), FORETICK_NULL_POINTER);
    IS(foretick_scorer_run(scorer, room.bytes + 2, 1, 0, out, 2), FORETICK_ALIGNMENT);
    IS(foretick_scorer_run(scorer, rows, 1, 0, (float *)(void *)(room.bytes + 2), 2), FORETICK_ALIGNMENT);
    IS(foretick_scorer_run(scorer, room.x, 2, 0, room.x, 4), FORETICK_INVALID_ARGUMENT);
    IS(foretick_scorer_run(scorer, room.x, 2, 0, room.x + 3, 4), FORETICK_INVALID_ARGUMENT);
    CHECK(said("overlaps"));
    OK(foretick_scorer_run(scorer, room.x, 2, 0, room.x + 4, 4));
    bad[2][1] = NAN;
    IS(foretick_scorer_run(scorer, bad, 3, 0, out, 6), FORETICK_NOT_FINITE);
    CHECK(said("row 2") && said("column 1 (volume_sma_5)") && said("NaN"));
    bad[2][1] = INFINITY;
    IS(foretick_scorer_run(scorer, bad, 3, 0, out, 6), FORETICK_NOT_FINITE);
    bad[2][1] = 0.0f;
    OK(foretick_scorer_run(ratio, bad, 2, 0, out, 4));
    IS(foretick_scorer_run(ratio, bad, 3, 0, out, 6), FORETICK_MODEL_OUTPUT);
    CHECK(said("row 2"));
    OK(foretick_scorer_run(ratio, bad, 2, 0, out, 4)); /* an error leaves the scorer as it was */
    OK(foretick_scorer_close(scorer));
    OK(foretick_scorer_close(ratio));
}

/* Many rows, so that a run takes a while. */
static float many[MANY][F], scores[2][MANY][2];
static uint64_t shared;
static int met[2], done;

static void *run_all(void *argument) {
    size_t at = *(size_t *)argument;
    while (!__atomic_load_n(&done, __ATOMIC_ACQUIRE)) {
        foretick_scorer_t scorer;
        foretick_status_t status;
        scorer.id = __atomic_load_n(&shared, __ATOMIC_ACQUIRE);
        status = foretick_scorer_run(scorer, many, MANY, 0, &scores[at][0][0], MANY * 2);
        CHECK(status == FORETICK_OK || status == FORETICK_BUSY || status == FORETICK_INVALID_HANDLE || status == FORETICK_CLOSING);
        if (status == FORETICK_BUSY) __atomic_store_n(&met[at], 1, __ATOMIC_RELAXED);
        sched_yield();
    }
    return NULL;
}

/* Two callers meet inside one scorer, and closing it meanwhile answers BUSY. */
static void callers(foretick_engine_t engine) {
    pthread_t threads[2];
    size_t numbers[2] = { 0, 1 };
    int refused = 0, i;
    __atomic_store_n(&shared, scorer_of(engine, "lr", 0).id, __ATOMIC_RELEASE);
    for (i = 0; i < 2; i++) CHECK(pthread_create(&threads[i], NULL, run_all, &numbers[i]) == 0);
    for (i = 0; i < 100000; i++) {
        foretick_scorer_t scorer;
        foretick_status_t status;
        scorer.id = shared;
        status = foretick_scorer_close(scorer);
        if (status == FORETICK_BUSY) refused++;
        else {
            OK(status);
            __atomic_store_n(&shared, scorer_of(engine, "lr", 0).id, __ATOMIC_RELEASE);
        }
        if (refused && (__atomic_load_n(&met[0], __ATOMIC_RELAXED) || __atomic_load_n(&met[1], __ATOMIC_RELAXED))) break;
        sched_yield();
    }
    __atomic_store_n(&done, 1, __ATOMIC_RELEASE);
    for (i = 0; i < 2; i++) CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK(refused > 0 && (met[0] || met[1]));
}

static void random_bits(void) {
    foretick_scorer_t scorer;
    float x[F] = { 0 }, out[2];
    uint64_t bits = 88172645463325252u;
    int i;
    for (i = 0; i < 100000; i++) {
        bits ^= bits << 13;
        bits ^= bits >> 7;
        bits ^= bits << 17;
        scorer.id = (bits & ~(UINT64_C(15) << 60)) | UINT64_C(5) << 60;
        IS(foretick_scorer_run(scorer, x, 1, 0, out, 2), FORETICK_INVALID_HANDLE);
    }
}

/* A scorer stays with its generation, and the engine takes it along. */
static void lives(foretick_engine_t engine, const char *folder) {
    foretick_scorer_info_t before = FORETICK_SCORER_INFO_INIT, after = FORETICK_SCORER_INFO_INIT;
    foretick_scorer_t scorer = scorer_of(engine, "lr", 0), zero = { 0 }, other, mixed;
    float out[2];
    OK(foretick_scorer_info(scorer, &before));
    (void)published(engine, folder);
    OK(foretick_scorer_info(scorer, &after));
    CHECK(before.generation == after.generation);
    other = scorer_of(engine, "lr", 0);
    CHECK(FORETICK_HANDLE_INDEX(other) == FORETICK_HANDLE_INDEX(scorer) + 1);
    OK(foretick_scorer_info(other, &after));
    CHECK(after.generation > before.generation);
    OK(foretick_scorer_run(scorer, rows, 1, 0, out, 2));
    OK(foretick_scorer_close(zero));
    IS(foretick_scorer_run(zero, rows, 1, 0, out, 2), FORETICK_INVALID_HANDLE);
    mixed.id = engine.id;
    IS(foretick_scorer_close(mixed), FORETICK_INVALID_HANDLE);
    OK(foretick_scorer_close(scorer));
    IS(foretick_scorer_close(scorer), FORETICK_INVALID_HANDLE);
    IS(foretick_scorer_run(scorer, NULL, 0, 0, NULL, 0), FORETICK_INVALID_HANDLE);
    OK(foretick_engine_close(engine));
    IS(foretick_scorer_run(other, rows, 1, 0, out, 2), FORETICK_INVALID_HANDLE);
    IS(foretick_scorer_close(other), FORETICK_INVALID_HANDLE);
}

int main(int argc, char **argv) {
    foretick_engine_t engine = engine_of("");
    CHECK(argc == 2);
    (void)published(engine, argv[1]);
    opening(engine);
    info(engine);
    scoring(engine);
    windows(engine);
    following(engine);
    unscaled(engine);
    wrong(engine);
    random_bits();
    callers(engine);
    lives(engine, argv[1]);
    return 0;
}
