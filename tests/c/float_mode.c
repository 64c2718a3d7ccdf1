/* Every export leaves the caller's floating-point mode as it was: MXCSR with its sticky flags, and the x87 control word; so it does
 * with what every signal does and with those that are blocked. And no mode of the caller changes an answer, not even one that traps. tests/exports.rs sees to it that no export lacks a call here.
 * Argument: the folder of a bundle with a native member and one on ONNX Runtime. */
#define _POSIX_C_SOURCE 200809L
#include <signal.h>
#include <xmmintrin.h>

#include "check.h"

enum { MODES = 16, X87_TRUNCATES = 0x0C7F };

static const unsigned ORDINARY = 0x1F80;

/* Rounding and flushing in all combinations; trapped exceptions and raised flags in all combinations with either. */
static unsigned unusual(unsigned number) {
    unsigned rounding = number % 4, flushing = number / 4, other = rounding ^ flushing;
    unsigned flushes = ((flushing & 1) != 0 ? 1u << 15 : 0) | ((flushing & 2) != 0 ? 1u << 6 : 0);
    return rounding << 13 | flushes | ((other & 1) != 0 ? 0 : 0x1F80u) | ((other & 2) != 0 ? 0x3Fu : 0);
}

static unsigned mode;

enum { SIGNALS = 64 };

/* What every signal of the process does, and which this thread blocks; the C library keeps two for itself. Of a set of signals
 * the first 8 bytes count: the kernel's. */
typedef struct signals_t {
    void (*handlers[SIGNALS + 1])(int);
    uint64_t masks[SIGNALS + 1], flags[SIGNALS + 1], blocked;
} signals_t;

static signals_t at_start;

static void signals_of(signals_t *signals) {
    struct sigaction action;
    sigset_t blocked;
    int number;
    memset(signals, 0, sizeof *signals);
    for (number = 1; number <= SIGNALS; number++) {
        if (sigaction(number, NULL, &action) != 0) continue;
        signals->handlers[number] = action.sa_handler;
        signals->flags[number] = (uint64_t)action.sa_flags;
        memcpy(&signals->masks[number], &action.sa_mask, sizeof signals->masks[number]);
    }
    CHECK(pthread_sigmask(SIG_SETMASK, NULL, &blocked) == 0);
    memcpy(&signals->blocked, &blocked, sizeof signals->blocked);
}

static void enter(void) {
    unsigned short x87 = X87_TRUNCATES;
    __asm__ volatile("fldcw %0" : : "m"(x87));
    _mm_setcsr(mode);
}

static void leave(const char *call) {
    unsigned found = _mm_getcsr();
    unsigned short x87 = 0, ordinary = 0x037F;
    signals_t now;
    _mm_setcsr(ORDINARY);
    __asm__ volatile("fnstcw %0" : "=m"(x87));
    __asm__ volatile("fldcw %0" : : "m"(ordinary));
    signals_of(&now);
    if (memcmp(&now, &at_start, sizeof now) != 0) {
        fprintf(stderr, "%s: a signal's action, or which are blocked, is another\n", call);
        exit(1);
    }
    if (found == mode && x87 == X87_TRUNCATES) return;
    fprintf(stderr, "%s: MXCSR %#x became %#x, the x87 control word %#x became %#x\n", call, mode, found, X87_TRUNCATES, x87);
    exit(1);
}

/* The call under the mode; what it answers must equal `wanted`. */
#define SAME(call, wanted)               \
    do {                                 \
        int equal_;                      \
        enter();                         \
        equal_ = (call) == (wanted);     \
        leave(#call);                    \
        CHECK(equal_ && #call != NULL);  \
    } while (0)

typedef struct answers_t {
    double row[4];
    float value, raw;
    int64_t members;
} answers_t;

static char text[1 << 16];
static size_t len;

static void library(void) {
    SAME(foretick_abi_version(), FORETICK_ABI_VERSION);
    SAME(foretick_init(FORETICK_ABI_VERSION), FORETICK_OK);
    SAME(foretick_init(9u << 16), FORETICK_ABI_MISMATCH);
    SAME(foretick_build_info(text, sizeof text, &len), FORETICK_OK);
    SAME(foretick_now_ns() > 0, 1);
    SAME(foretick_last_error(text, sizeof text, &len), FORETICK_OK);
    SAME(foretick_status_name(FORETICK_BUSY) != NULL, 1);
}

/* What the units and the value must be in any mode: 0.1 lies between two doubles. */
static void amounts(void) {
    const unsigned char bytes[32] = { 0 };
    uint64_t limbs[4] = { 9, 9, 9, 9 };
    double value = 0.0;
    SAME(foretick_amount_from_bytes(bytes, limbs), FORETICK_OK);
    CHECK(limbs[0] == 0 && limbs[3] == 0);
    SAME(foretick_amount_parse(TEXT("0.1"), 18, limbs), FORETICK_OK);
    CHECK(limbs[0] == UINT64_C(100000000000000000) && limbs[1] == 0);
    SAME(foretick_amount_to_f64(limbs, 18, &value), FORETICK_OK);
    CHECK(value == 0.1);
    SAME(foretick_amount_parse(TEXT("0.1"), 0, limbs), FORETICK_PRECISION);
}

/* A step whose prediction is asked for; the member on ONNX Runtime answers, or is stopped at its deadline. */
static void step(foretick_lane_t lane, foretick_track_t track, uint32_t stream, int64_t minute, double volume, unsigned used, answers_t *answers) {
    foretick_bar_t bar = bar_of(stream, minute, 100.0, 101.0);
    foretick_flow_t flow = FORETICK_FLOW_INIT;
    foretick_prediction_t p;
    foretick_details_t details = FORETICK_DETAILS_INIT;
    foretick_track_t due[1];
    bar.volume = volume;
    SAME(foretick_lane_push(lane, &bar, 2, &flow), FORETICK_OK);
    SAME(foretick_lane_advance(lane, bar.head.known_ns, &flow), FORETICK_OK);
    SAME(foretick_lane_due(lane, due, 1, &len), FORETICK_OK);
    SAME(foretick_track_predict(track, bar.head.known_ns, &p), FORETICK_OK);
    CHECK(p.members_total == 2 && p.members_used == used);
    SAME(foretick_track_details(track, &details), FORETICK_OK);
    SAME(foretick_track_row(track, 0, &answers->row[0], 1, &len, NULL), FORETICK_OK);
    SAME(foretick_track_row(track, FORETICK_ROW_SCALED, &answers->row[1], 1, &len, NULL), FORETICK_OK);
    answers->value = p.value;
    answers->raw = p.raw;
    answers->members += p.members_used;
}

static void errors(foretick_engine_t engine, foretick_lane_t lane, foretick_track_t track) {
    foretick_engine_t none = { 0 };
    foretick_bundle_t bundle = { 0 };
    foretick_flow_t flow = FORETICK_FLOW_INIT;
    foretick_prediction_t p;
    uint32_t stream = 7;
    SAME(foretick_engine_open(TEXT("threads = 1.5"), &none), FORETICK_CONFIG_VALUE);
    SAME(foretick_bundle_open(engine, TEXT("no/such/folder"), 0, &bundle), FORETICK_IO);
    SAME(foretick_stream_add(engine, TEXT("test:BTC"), TEXT("tick = 0.5"), &stream), FORETICK_CONFLICT);
    SAME(foretick_lane_push(lane, NULL, 1, &flow), FORETICK_NULL_POINTER);
    SAME(foretick_lane_advance(lane, -1, &flow), FORETICK_RANGE);
    SAME(foretick_track_predict(track, -1, &p), FORETICK_INVALID_ARGUMENT);
    SAME(foretick_track_row(track, 2, NULL, 0, &len, NULL), FORETICK_INVALID_ARGUMENT);
}

/* History that comes too late, and the lane as bytes and back. */
static void state(foretick_lane_t lane, uint32_t stream) {
    static unsigned char bytes[1 << 14];
    foretick_bar_t bar = bar_of(stream, 3, 100.0, 101.0);
    foretick_flow_t flow = FORETICK_FLOW_INIT;
    SAME(foretick_lane_warm(lane, &bar, 2, &flow), FORETICK_OK);
    SAME(foretick_lane_snapshot(lane, bytes, sizeof bytes, &len), FORETICK_OK);
    SAME(foretick_lane_restore(lane, bytes, len), FORETICK_OK);
    SAME(foretick_lane_restore(lane, bytes, len - 1), FORETICK_CORRUPT);
}

/* What is switched, and rows of the caller's. */
static void rows(foretick_engine_t engine, foretick_track_t track, answers_t *answers) {
    const double row[1] = { 0.3 };
    const float scaled[2] = { 0.3f, 1e-40f };
    float out[4] = { 0 };
    foretick_prediction_t p;
    foretick_scorer_t scorer = { 0 };
    foretick_scorer_info_t info = FORETICK_SCORER_INFO_INIT;
    SAME(foretick_slot_enable(engine, TEXT("direction"), TEXT("lr"), 0), FORETICK_OK);
    SAME(foretick_slot_enable(engine, TEXT("direction"), TEXT("lr"), 1), FORETICK_OK);
    SAME(foretick_track_enable(track, 0), FORETICK_OK);
    SAME(foretick_track_enable(track, 1), FORETICK_OK);
    SAME(foretick_track_prepare(track), FORETICK_OK);
    SAME(foretick_track_predict_row(track, row, 1, START_NS, &p), FORETICK_OK);
    SAME(foretick_scorer_open(engine, TEXT("direction"), TEXT("lr"), 0, &scorer), FORETICK_OK);
    SAME(foretick_scorer_info(scorer, &info), FORETICK_OK);
    SAME(foretick_scorer_run(scorer, scaled, 2, 0, out, 4), FORETICK_OK);
    SAME(foretick_scorer_next(scorer, scaled, 2, 0, out, 4), FORETICK_OK);
    SAME(foretick_scorer_prepare(scorer), FORETICK_OK);
    SAME(foretick_scorer_close(scorer), FORETICK_OK);
    answers->row[2] = p.value;
    answers->row[3] = out[3];
}

/* A step through a link, polled, read from result memory. */
static void pipelined(foretick_engine_t engine, foretick_lane_t lane, foretick_track_t track, uint32_t stream, answers_t *answers) {
    static foretick_prediction_t memory;
    foretick_link_t link = { 0 };
    foretick_flow_t flow = FORETICK_FLOW_INIT;
    foretick_prediction_t p;
    foretick_bar_t bar = bar_of(stream, 3, 100.0, 101.0);
    int32_t more = 0;
    bar.volume = 0.7;
    SAME(foretick_link_open(lane, NULL, 0, &link), FORETICK_OK);
    SAME(foretick_result_attach(track, &memory, sizeof memory), FORETICK_OK);
    SAME(foretick_link_push(link, &bar, 2, NULL), FORETICK_OK);
    SAME(foretick_lane_poll(lane, 0, bar.head.known_ns, &flow), FORETICK_OK);
    CHECK(flow.predicted == 1);
    SAME(foretick_result_signal(&memory) != 0, 1);
    SAME(foretick_result_read(&memory, &p), FORETICK_OK);
    SAME(foretick_result_attach(track, NULL, 0), FORETICK_OK);
    SAME(foretick_link_close(link), FORETICK_OK);
    SAME(foretick_engine_describe(engine, 63, text, sizeof text, &len), FORETICK_OK);
    SAME(foretick_engine_maintain(engine, 0, &more), FORETICK_WRONG_STATE);
    answers->raw += p.raw;
}

static void life(const char *folder, answers_t *answers) {
    foretick_engine_t engine = { 0 };
    foretick_bundle_t bundle = { 0 };
    foretick_lane_t lane = { 0 };
    foretick_track_t track = { 0 };
    foretick_publish_t item = FORETICK_PUBLISH_INIT;
    uint64_t generation = 0;
    uint32_t stream = 0;
    size_t folder_len = strlen(folder);
    library();
    amounts();
    SAME(foretick_engine_open(NULL, 0, &engine), FORETICK_OK);
    SAME(foretick_bundle_open(engine, folder, folder_len, 0, &bundle), FORETICK_OK);
    SAME(foretick_bundle_describe(bundle, text, sizeof text, &len), FORETICK_OK);
    item.slot = "direction";
    item.slot_len = 9;
    item.bundle = bundle;
    SAME(foretick_slot_publish(engine, &item, 1, &generation), FORETICK_OK);
    SAME(foretick_lane_open(engine, NULL, 0, &lane), FORETICK_OK);
    SAME(foretick_stream_add(engine, TEXT("test:BTC"), NULL, 0, &stream), FORETICK_OK);
    SAME(foretick_track_open(lane, TEXT("direction"), &stream, 1, 0, &track), FORETICK_OK);
    step(lane, track, stream, 0, 1.0, 1, answers);
    step(lane, track, stream, 1, 1e-40, 2, answers);
    step(lane, track, stream, 2, 0.3, 2, answers);
    errors(engine, lane, track);
    state(lane, stream);
    rows(engine, track, answers);
    pipelined(engine, lane, track, stream, answers);
    SAME(foretick_engine_metrics(engine, text, sizeof text, &len), FORETICK_OK);
    SAME(foretick_track_close(track), FORETICK_OK);
    SAME(foretick_lane_close(lane), FORETICK_OK);
    SAME(foretick_bundle_close(bundle), FORETICK_OK);
    SAME(foretick_engine_close(engine), FORETICK_OK);
    SAME(foretick_engine_close(engine), FORETICK_INVALID_HANDLE);
}

int main(int argc, char **argv) {
    answers_t usual, other;
    unsigned number;
    CHECK(argc == 2);
    signals_of(&at_start);
    memset(&usual, 0, sizeof usual);
    mode = ORDINARY;
    life(argv[1], &usual);
    for (number = 0; number < MODES; number++) {
        memset(&other, 0, sizeof other);
        mode = unusual(number);
        life(argv[1], &other);
        CHECK(memcmp(&usual, &other, sizeof usual) == 0);
    }
    return 0;
}
