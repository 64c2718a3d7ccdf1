/* The header alone: twice, in every standard, as C and as C++; every INIT macro compiles. */
#include "foretick.h"
#include "foretick.h"

int use(void);
int use(void) {
    foretick_mark_t mark = FORETICK_MARK_INIT;
    foretick_trade_t trade = FORETICK_TRADE_INIT;
    foretick_quote_t quote = FORETICK_QUOTE_INIT;
    foretick_book_t book = FORETICK_BOOK_INIT;
    foretick_delta_t delta = FORETICK_DELTA_INIT;
    foretick_bar_t bar = FORETICK_BAR_INIT;
    foretick_pool_t pool = FORETICK_POOL_INIT;
    foretick_block_t block = FORETICK_BLOCK_INIT;
    foretick_gas_t gas = FORETICK_GAS_INIT;
    foretick_pending_t pending = FORETICK_PENDING_INIT;
    foretick_liquidation_t liquidation = FORETICK_LIQUIDATION_INIT;
    foretick_scalar_t scalar = FORETICK_SCALAR_INIT;
    foretick_flow_t flow = FORETICK_FLOW_INIT;
    foretick_publish_t publish = FORETICK_PUBLISH_INIT;
    foretick_output_t output = FORETICK_OUTPUT_INIT;
    foretick_member_t member = FORETICK_MEMBER_INIT;
    foretick_details_t details = FORETICK_DETAILS_INIT;
    foretick_engine_t engine = { 0 };
    unsigned kinds = 0u + mark.head.kind + trade.head.kind + quote.head.kind + book.head.kind + delta.head.kind + bar.head.kind
                     + pool.head.kind + block.head.kind + gas.head.kind + pending.head.kind + liquidation.head.kind + scalar.head.kind;
    foretick_engine_close(engine);
    return (int)(kinds + flow.struct_size + publish.struct_size + output.struct_size + member.struct_size + details.struct_size);
}
