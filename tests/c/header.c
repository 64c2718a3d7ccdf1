/* Every constant of the header as the compiler sees it, and what the macros make; the test compares. */
#include "check.h"

#define SHOW(name) printf(#name " %llu\n", (unsigned long long)(name));

int main(void) {
    uint64_t signal = (uint64_t)0x3F000000u << 32 | (uint64_t)54321 << 16 | 5u << 8 | 2u;
    foretick_track_t track = { UINT64_C(0x4001000007000009) };
    foretick_book_t book = FORETICK_BOOK_INIT;
    foretick_delta_t delta = FORETICK_DELTA_INIT;
    foretick_bar_t bar = FORETICK_BAR_INIT;
#include "constants.inc"
    CHECK(FORETICK_SIGNAL_ACTION(signal) == FORETICK_ACTION_SELL);
    CHECK(FORETICK_SIGNAL_FLAGS(signal) == (FORETICK_SIGNAL_VALUE | FORETICK_SIGNAL_OUT_OF_SCOPE));
    CHECK(FORETICK_SIGNAL_SEQUENCE(signal) == 54321);
    CHECK(FORETICK_SIGNAL_PROBABILITY_BITS(signal) == 0x3F000000u);
    CHECK(FORETICK_HANDLE_INDEX(track) == 9);
    CHECK(FORETICK_BOOK_SLOTS(1) == 2 && FORETICK_BOOK_SLOTS(5) == 4 && FORETICK_BOOK_SLOTS(10) == 6 && FORETICK_BOOK_SLOTS(20) == 11);
    CHECK(FORETICK_DELTA_SLOTS(0) == 1 && FORETICK_DELTA_SLOTS(1) == 2 && FORETICK_DELTA_SLOTS(60) == 16);
    CHECK(book.head.kind == FORETICK_KIND_BOOK && book.head.slots == 11 && book.levels[19].ask_qty == 0.0);
    CHECK(delta.head.kind == FORETICK_KIND_DELTA && delta.head.slots == 16);
    CHECK(bar.head.kind == FORETICK_KIND_BAR && bar.head.slots == 2);
    CHECK(foretick_abi_version() == FORETICK_ABI_VERSION);
    CHECK(strcmp(foretick_status_name(FORETICK_BUSY), "BUSY") == 0 && strcmp(foretick_status_name(-5), "UNKNOWN") == 0);
    CHECK(foretick_now_ns() > INT64_C(1700000000000000000));
    return 0;
}
