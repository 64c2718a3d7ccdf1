/* What foretick.hpp promises beside the calls: moves, closes, both forms of errors, events of every length. Argument: a bundle by bars. */
#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include "foretick.hpp"

#define CHECK(test)                                                      \
    do {                                                                 \
        if (!(test)) {                                                   \
            std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #test); \
            std::exit(1);                                                \
        }                                                                \
    } while (0)

unsigned kinds();

static const std::int64_t MINUTE_NS = 60000000000, START_NS = 1704067200000000000;
static const char options[] = "clock = \"host\"\nthreads = 0\n";

static foretick_bar_t bar(std::uint32_t stream, std::int64_t minute) {
    foretick_bar_t bar = foretick::event<foretick_bar_t>(stream, START_NS + (minute + 1) * MINUTE_NS);
    bar.open_ns = START_NS + minute * MINUTE_NS;
    bar.interval_ns = MINUTE_NS;
    bar.open = bar.high = bar.low = bar.close = 100.0;
    bar.volume = 2.0;
    return bar;
}

/* The status that a throwing call fails with, and that its text names what is wanted. */
template <class Call>
static foretick_status_t thrown(Call &&call, const char *part) {
    try {
        call();
    } catch (const foretick::error &error) {
        const std::string what = error.what();
        CHECK(what.find(foretick::status_name(error.status())) == 0 && what.find(part) != std::string::npos);
        return error.status();
    }
    return FORETICK_OK;
}

struct host {
    foretick::engine engine = foretick::engine::open(options);
    foretick::lane lane = engine.open_lane();
    foretick::track track;

    explicit host(const char *folder) {
        const foretick::bundle bundle = engine.open_bundle(folder);
        CHECK(engine.publish("s", bundle) == 1 && bundle.describe().find("\"manifest\"") != std::string::npos);
        track = lane.open_track("s", std::array<std::uint32_t, 1>{engine.add_stream("test:A")});
    }
};

static void moves(const char *folder) {
    host a(folder);
    foretick::track taken = std::move(a.track);
    CHECK(taken && !a.track && a.track.id().id == 0); // NOLINT: what was moved from is empty
    CHECK(taken.index() == 0 && a.track.close() == FORETICK_OK);
    foretick::track other = a.lane.open_track("s", std::array<std::uint32_t, 1>{1});
    const foretick_track_t first = taken.id();
    taken = std::move(other); /* closes what it had */
    foretick_prediction_t out{};
    CHECK(foretick_track_predict(first, START_NS, &out) == FORETICK_INVALID_HANDLE && taken.predict(START_NS, out) == FORETICK_OK);
    foretick::track &self = taken;
    taken = std::move(self);
    CHECK(taken && taken.close() == FORETICK_OK && !taken && taken.close() == FORETICK_OK);
    const foretick_lane_t id = a.lane.release();
    CHECK(!a.lane && foretick_lane_close(id) == FORETICK_OK);
}

static void outlives(const char *folder) {
    foretick::track track;
    foretick::lane lane;
    {
        host a(folder);
        lane = std::move(a.lane);
        track = std::move(a.track);
    }
    foretick_prediction_t out{};
    out.step = 7;
    CHECK(track.predict(START_NS, out) == FORETICK_INVALID_HANDLE && out.step == 7);
    CHECK(track.close() == FORETICK_INVALID_HANDLE && !track);
}

static void errors(const char *folder) {
    host a(folder);
    foretick::bundle bundle;
    CHECK(a.engine.open_bundle("/nowhere/at/all", bundle) == FORETICK_IO && !bundle);
    CHECK(thrown([&] { (void)a.engine.open_bundle("/nowhere/at/all"); }, "/nowhere/at/all") == FORETICK_IO);
    CHECK(thrown([&] { (void)foretick::engine::open("threads = 9\n"); }, "threads") == FORETICK_CONFIG_VALUE);
    CHECK(thrown([&] { (void)a.track.newest_row(); }, "") == FORETICK_NO_PREDICTION);
    CHECK(thrown([&] { a.engine.enable("s", "nobody", false); }, "nobody") == FORETICK_NOT_FOUND);
    /* the text of a failure is its thread's */
    std::string theirs;
    std::thread thread([&] { theirs = foretick::last_error(); });
    thread.join();
    CHECK(theirs.empty() && foretick::last_error().find("nobody") != std::string::npos);
    const foretick::scorer scorer = a.engine.open_scorer("s", "lr");
    const float rows[] = {1.0f, 2.0f, 3.0f};
    CHECK(scorer.run<float>(rows).size() == 3u * scorer.info().outputs && scorer.run<float>({}).empty());
    CHECK(scorer.next<float>(rows) == scorer.run<float>(rows));
    CHECK(thrown([&] { (void)scorer.run<double>(std::array<double, 1>{1.0}); }, "float") == FORETICK_INVALID_ARGUMENT);
}

static void events(const char *folder) {
    host a(folder);
    foretick_flow_t flow{};
    CHECK(a.lane.push(bar(1, 0)).closed == 1 && a.lane.push(bar(1, 1), flow) == FORETICK_OK && flow.taken == 2);
    foretick_bar_t lying = bar(1, 2);
    lying.head.slots = 9; /* more than the record has: no byte behind it is read */
    CHECK(a.lane.push(lying, flow) == FORETICK_EVENT_SHAPE);
    const std::array<foretick_bar_t, 2> two = {bar(1, 2), bar(1, 3)};
    CHECK(a.lane.push(foretick::span<const foretick_bar_t>(two)).taken == 2 && a.lane.push(two.data() + 1, 2).taken == 2);
    foretick_book_t book = foretick::event<foretick_book_t>(1, START_NS + 4 * MINUTE_NS);
    book.bids = book.asks = book.rows = 1;
    book.levels[0] = {99.0, 1.0, 101.0, 1.0};
    CHECK(thrown([&] { (void)a.lane.push(book); }, "book") == FORETICK_EVENT_SHAPE);
    book.head.slots = foretick::book_slots(book.rows);
    CHECK(a.lane.push(book).taken == 2);
    foretick_mark_t mark = foretick::event<foretick_mark_t>(0, START_NS);
    mark.code = FORETICK_MARK_GAP;
    mark.track = FORETICK_MARK_ALL_TRACKS;
    CHECK(a.lane.push(mark).taken == 1 && a.lane.due().size() == 1);
    const foretick_prediction_t p = a.track.predict(START_NS + 4 * MINUTE_NS);
    const foretick::signal signal(p.signal);
    CHECK(signal.action == FORETICK_ACTION_BUY && signal.sequence == 3 && signal.probability == p.value && (signal.flags & FORETICK_SIGNAL_VALUE) != 0);
    CHECK(a.lane.due().empty() && a.track.newest_row().values == std::vector<double>{2.0});
    foretick::details details = a.track.newest_details();
    CHECK(details.outputs.size() == 1 && foretick::name_of(details.outputs[0].name) == "up" && details.members.size() == 1 && details.missing.size() == 1);
    CHECK(details.record.id_counter == p.id_counter);
    details.members.resize(9); /* room from another bundle */
    CHECK(a.track.newest_details(details) == FORETICK_OK && details.members.size() == 1 && foretick::name_of(details.members[0].name) == "lr");
}

static void links(const char *folder) {
    foretick::result_memory memory; /* goes after the engine */
    host a(folder);
    foretick_prediction_t out{};
    CHECK(reinterpret_cast<std::uintptr_t>(&memory) % 64 == 0 && memory.signal_word() == 0);
    a.track.attach(memory);
    CHECK(memory.read(out) == FORETICK_OK && foretick::signal(out.signal).action == FORETICK_ACTION_NONE);
    foretick::link link = a.lane.open_link("slots = 16\n");
    for (int minute = 0; minute < 8; minute++) CHECK(link.push(bar(1, minute)) == FORETICK_OK);
    CHECK(link.push(bar(1, 8)) == FORETICK_FULL && thrown([&] { (void)link.push(&memory, 0); }, "") == FORETICK_OK);
    std::thread poller([&] { CHECK(a.lane.poll(0, START_NS + 8 * MINUTE_NS).predicted == 8); });
    poller.join();
    CHECK(memory.read(out) == FORETICK_OK && out.step == 7 && memory.signal_word() == out.signal);
    const std::array<foretick_bar_t, 2> two = {bar(1, 8), bar(1, 9)};
    CHECK(link.push_all(two.data(), 4) == FORETICK_OK && link.push(two.data(), 0).taken == 0);
    a.track.detach();
    CHECK(a.lane.poll(0, START_NS + 10 * MINUTE_NS).predicted == 2 && memory.read(out) == FORETICK_OK && out.step == 7);
    CHECK(a.lane.close() == FORETICK_OK && link.push(bar(1, 10)) == FORETICK_WRONG_STATE && link.close() == FORETICK_OK);
    CHECK(!a.engine.maintain(1000000000) && a.engine.describe(FORETICK_DESCRIBE_STREAMS).find("test:A") != std::string::npos);
    CHECK(thrown([&] { (void)a.engine.describe(1u << 20); }, "") == FORETICK_INVALID_ARGUMENT);
}

int main(int argc, char **argv) {
    CHECK(argc == 2 && kinds() == 66);
    foretick::init();
    CHECK(foretick::build_info().find("version") != std::string::npos && foretick::now_ns() > START_NS);
    moves(argv[1]);
    outlives(argv[1]);
    errors(argv[1]);
    events(argv[1]);
    links(argv[1]);
    CHECK(foretick::engine::open(options).metrics().find("foretick") != std::string::npos);
    return 0;
}
