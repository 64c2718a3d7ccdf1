/* The header alone, twice, in two translation units of one program; every function of it is used somewhere. */
#include "foretick.hpp"
#include "foretick.hpp"

static_assert(!std::is_copy_constructible_v<foretick::track> && std::is_nothrow_move_constructible_v<foretick::track>, "handles move");
static_assert(std::is_nothrow_move_assignable_v<foretick::engine> && std::is_nothrow_default_constructible_v<foretick::lane>, "handles move");
static_assert(foretick::book_slots(0) == 2 && foretick::book_slots(10) == 6 && foretick::book_slots(20) == 11, "as the header's macro");
static_assert(foretick::delta_slots(0) == 1 && foretick::delta_slots(60) == 16, "as the header's macro");

unsigned kinds();
unsigned kinds() {
    return 0u + foretick::event<foretick_mark_t>().head.kind + foretick::event<foretick_trade_t>().head.kind + foretick::event<foretick_quote_t>().head.kind
           + foretick::event<foretick_book_t>().head.kind + foretick::event<foretick_delta_t>().head.kind + foretick::event<foretick_bar_t>().head.kind
           + foretick::event<foretick_pool_t>().head.kind + foretick::event<foretick_block_t>().head.kind + foretick::event<foretick_gas_t>().head.kind
           + foretick::event<foretick_pending_t>().head.kind + foretick::event<foretick_liquidation_t>().head.kind
           + foretick::event<foretick_scalar_t>().head.kind;
}
