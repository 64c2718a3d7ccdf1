/*
 * foretick for C++17: handles that close themselves, spans for pointer and length, every call as one that throws and as one that
 * answers a status. Over foretick.h and the standard library alone; threads, cost, ownership and errors of a call stand there.
 *
 * Two forms: `T name(arguments)` throws foretick::error, whose text was read on the thread that failed; the same name with `T &out`
 * behind its arguments answers the status and writes `out` on success only. The status forms of hot calls are noexcept and allocate nothing.
 *
 * A destructor closes and has nobody to tell: close() answers BUSY while another caller is inside, and in debug builds the
 * destructor asserts that nobody is. An engine's close ends all that was opened from it; what is closed later than its engine is fine.
 */
#ifndef FORETICK_HPP
#define FORETICK_HPP

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "foretick.h"

#if __cplusplus < 201703L
#error "foretick.hpp needs C++17"
#endif

namespace foretick {

/* ---- statuses ---- */

using status_t = foretick_status_t;

/* The name of a status: "BUSY". */
inline const char *status_name(status_t status) noexcept { return foretick_status_name(status); }

/* The text of this thread's last failed call, empty when none has failed. */
inline std::string last_error() {
    char text[4096];
    std::size_t len = 0;
    return foretick_last_error(text, sizeof text, &len) == FORETICK_OK ? std::string(text, len) : std::string();
}

/* A call that failed: its status, and "NAME: text" as what(). */
class error : public std::runtime_error {
public:
    error(status_t status, const std::string &text)
        : std::runtime_error(std::string(status_name(status)) + ": " + text), status_(status) {}
    status_t status() const noexcept { return status_; }

private:
    status_t status_;
};

/* Throws unless the status is OK; on the thread that made the call, before its next one. */
inline void check(status_t status) {
    if (status != FORETICK_OK) throw error(status, last_error());
}

/* ---- memory ---- */

/* Pointer and length of memory that the caller keeps. */
template <class T>
class span {
public:
    constexpr span() noexcept = default;
    constexpr span(T *data, std::size_t size) noexcept : data_(data), size_(size) {}
    template <std::size_t N>
    constexpr span(T (&array)[N]) noexcept : data_(array), size_(N) {}
    /* std::vector, std::array, std::string_view, std::span, ... */
    template <class C, class = std::enable_if_t<std::is_convertible_v<decltype(std::declval<C &>().data()), T *>>>
    constexpr span(C &&container) noexcept : data_(container.data()), size_(container.size()) {}
    constexpr T *data() const noexcept { return data_; }
    constexpr std::size_t size() const noexcept { return size_; }
    constexpr T *begin() const noexcept { return data_; }
    constexpr T *end() const noexcept { return data_ + size_; }

private:
    T *data_ = nullptr;
    std::size_t size_ = 0;
};

namespace detail {

/* The throwing form of a call that writes a T. */
template <class T, class Call>
T made(Call &&call) {
    T out{};
    check(call(out));
    return out;
}

/* A call that writes as many elements as fit and says how many there are. */
template <class Container, class Call>
status_t grown(Container &out, Call &&call) {
    std::size_t len = 0;
    status_t status = call(out.data(), out.size(), &len);
    while (status == FORETICK_BUFFER_TOO_SMALL) {
        out.resize(len);
        status = call(out.data(), out.size(), &len);
    }
    if (status == FORETICK_OK) out.resize(len);
    return status;
}

} // namespace detail

/* A NUL-padded name of a record. */
template <std::size_t N>
std::string_view name_of(const char (&name)[N]) noexcept {
    std::size_t len = 0;
    while (len < N && name[len] != '\0') len++;
    return std::string_view(name, len);
}

/* ---- records ---- */

namespace detail {

template <class E>
struct kind;
template <> struct kind<foretick_mark_t> { static constexpr std::uint8_t number = FORETICK_KIND_MARK; };
template <> struct kind<foretick_trade_t> { static constexpr std::uint8_t number = FORETICK_KIND_TRADE; };
template <> struct kind<foretick_quote_t> { static constexpr std::uint8_t number = FORETICK_KIND_QUOTE; };
template <> struct kind<foretick_book_t> { static constexpr std::uint8_t number = FORETICK_KIND_BOOK; };
template <> struct kind<foretick_delta_t> { static constexpr std::uint8_t number = FORETICK_KIND_DELTA; };
template <> struct kind<foretick_bar_t> { static constexpr std::uint8_t number = FORETICK_KIND_BAR; };
template <> struct kind<foretick_pool_t> { static constexpr std::uint8_t number = FORETICK_KIND_POOL; };
template <> struct kind<foretick_block_t> { static constexpr std::uint8_t number = FORETICK_KIND_BLOCK; };
template <> struct kind<foretick_gas_t> { static constexpr std::uint8_t number = FORETICK_KIND_GAS; };
template <> struct kind<foretick_pending_t> { static constexpr std::uint8_t number = FORETICK_KIND_PENDING; };
template <> struct kind<foretick_liquidation_t> { static constexpr std::uint8_t number = FORETICK_KIND_LIQUIDATION; };
template <> struct kind<foretick_scalar_t> { static constexpr std::uint8_t number = FORETICK_KIND_SCALAR; };

template <class E, class = void>
struct is_event : std::false_type {};
template <class E>
struct is_event<E, std::void_t<decltype(kind<E>::number)>> : std::true_type {};

/* Enables a template for the twelve events. */
template <class E>
using if_event = std::enable_if_t<is_event<E>::value>;

} // namespace detail

/* An event with kind, slots, stream and time set and everything else 0; books and deltas in their longest form. */
template <class E, class = detail::if_event<E>>
E event(std::uint32_t stream = 0, std::int64_t known_ns = 0) noexcept {
    E event{};
    event.head.slots = static_cast<std::uint16_t>(sizeof(E) / 64);
    event.head.kind = detail::kind<E>::number;
    event.head.stream = stream;
    event.head.known_ns = known_ns;
    return event;
}

/* Slots of a book with so many rows, of a delta with so many changes: for head.slots. */
constexpr std::uint16_t book_slots(unsigned rows) noexcept { return static_cast<std::uint16_t>((48 + 32 * (rows > 0 ? rows : 1) + 63) / 64); }
constexpr std::uint16_t delta_slots(unsigned changes) noexcept { return static_cast<std::uint16_t>((56 + 16 * changes + 63) / 64); }

/* Slots of an event that may be read: what its head says, and never more than the record has. */
template <class E, class = detail::if_event<E>>
std::size_t slots_of(const E &event) noexcept {
    return event.head.slots < sizeof(E) / 64 ? event.head.slots : sizeof(E) / 64;
}

/* A struct that begins with struct_size, set; everything else 0. */
template <class S>
S sized() noexcept {
    static_assert(offsetof(S, struct_size) == 0, "the size stands first");
    S record{};
    record.struct_size = static_cast<std::uint32_t>(sizeof(S));
    return record;
}

/* The 8-byte signal in its parts. */
struct signal {
    std::uint8_t action;
    std::uint8_t flags;
    std::uint16_t sequence;
    float probability;

    explicit signal(std::uint64_t word) noexcept
        : action(static_cast<std::uint8_t>(word)), flags(static_cast<std::uint8_t>(word >> 8)), sequence(static_cast<std::uint16_t>(word >> 16)), probability() {
        const std::uint32_t bits = static_cast<std::uint32_t>(word >> 32);
        std::memcpy(&probability, &bits, sizeof probability);
    }
};

/* Result memory of a track, which the library writes: two cache lines, no third. */
struct alignas(64) result_memory : private foretick_prediction_t {
    result_memory() noexcept : foretick_prediction_t() {}
    result_memory(const result_memory &) = delete;
    result_memory &operator=(const result_memory &) = delete;

    /* The newest signal: one atomic load, from any thread. */
    std::uint64_t signal_word() const noexcept { return foretick_result_signal(static_cast<const foretick_prediction_t *>(this)); }
    /* A whole copy; BUSY while it is being written: the next look has it. */
    FORETICK_NODISCARD status_t read(foretick_prediction_t &out) const noexcept { return foretick_result_read(static_cast<const foretick_prediction_t *>(this), &out); }

private:
    friend class track;
};

/* The newest row: NaN where a feature is off. */
struct row {
    std::int64_t close_ns = 0;
    std::vector<double> values;
};

/* What stands behind a prediction; one that is used again allocates no more. */
struct details {
    foretick_details_t record{};
    std::vector<foretick_output_t> outputs;
    std::vector<foretick_member_t> members;
    std::vector<std::uint64_t> missing;
};

static_assert(sizeof(result_memory) == 128 && alignof(result_memory) == 64, "result memory is a prediction");
static_assert(sizeof(foretick_event_t) == 32 && sizeof(foretick_prediction_t) == 128 && sizeof(foretick_flow_t) == 40, "the header's records");
static_assert(sizeof(foretick_book_t) == 704 && sizeof(foretick_delta_t) == 1024 && sizeof(foretick_bar_t) == 128, "the header's records");
static_assert(std::is_trivially_copyable_v<foretick_prediction_t> && std::is_standard_layout_v<foretick_prediction_t>, "a record is its bytes");

/* ---- library ---- */

/* Checks that the library loaded is of this header's version, and starts it; opening an engine does so too. */
inline void init() { check(foretick_init(FORETICK_ABI_VERSION)); }

/* Nanoseconds since the Unix epoch, UTC. */
inline std::int64_t now_ns() noexcept { return foretick_now_ns(); }

/* What was built, as JSON. */
inline std::string build_info() {
    return detail::made<std::string>([](std::string &out) { return detail::grown(out, [](char *buf, std::size_t cap, std::size_t *len) { return foretick_build_info(buf, cap, len); }); });
}

/* ---- amounts of 256 bits: four limbs, the least first; after init() ---- */

using limbs = std::array<std::uint64_t, 4>;

/* The units of a decimal text, exact or refused. */
FORETICK_NODISCARD inline status_t amount_parse(std::string_view text, std::uint32_t decimals, limbs &out) noexcept {
    return foretick_amount_parse(text.data(), text.size(), decimals, out.data());
}
inline limbs amount_parse(std::string_view text, std::uint32_t decimals) {
    return detail::made<limbs>([&](limbs &out) { return amount_parse(text, decimals, out); });
}

/* The units of 32 bytes, the most significant first. */
inline limbs amount_from_bytes(const std::array<std::uint8_t, 32> &bytes) {
    return detail::made<limbs>([&](limbs &out) { return foretick_amount_from_bytes(bytes.data(), out.data()); });
}

/* Units / 10^decimals, rounded once. */
FORETICK_NODISCARD inline status_t amount_to_f64(const limbs &units, std::uint32_t decimals, double &out) noexcept {
    return foretick_amount_to_f64(units.data(), decimals, &out);
}
inline double amount_to_f64(const limbs &units, std::uint32_t decimals) {
    return detail::made<double>([&](double &out) { return amount_to_f64(units, decimals, out); });
}

/* ---- handles ---- */

/* One of any noun: moves, closes itself, is empty when it was moved from or closed. */
template <class Id, status_t (*Close)(Id)>
class handle {
public:
    handle() noexcept = default;
    explicit handle(Id id) noexcept : id_(id) {}
    handle(const handle &) = delete;
    handle &operator=(const handle &) = delete;
    handle(handle &&other) noexcept : id_(other.release()) {}
    handle &operator=(handle &&other) noexcept {
        if (this != &other) {
            drop();
            id_ = other.release();
        }
        return *this;
    }
    ~handle() { drop(); }

    /* For calls of foretick.h. */
    Id id() const noexcept { return id_; }
    /* The number that records carry. */
    std::uint32_t index() const noexcept { return static_cast<std::uint32_t>(id_.id & 0xFFFFFFu); }
    explicit operator bool() const noexcept { return id_.id != 0; }
    /* Gives the handle away: it closes itself no more. */
    Id release() noexcept { return std::exchange(id_, Id{}); }
    /* Closes; BUSY while another caller is inside: then nothing is closed. */
    status_t close() noexcept {
        const status_t status = Close(id_);
        if (status == FORETICK_OK || status == FORETICK_INVALID_HANDLE) id_ = Id{};
        return status;
    }

private:
    void drop() noexcept {
        const status_t status = close();
        assert(status != FORETICK_BUSY && "a handle goes while another caller is inside");
        static_cast<void>(status);
    }

    Id id_{};
};

static_assert(sizeof(handle<foretick_track_t, foretick_track_close>) == 8, "a handle is its number");

class track : public handle<foretick_track_t, foretick_track_close> {
public:
    using handle::handle;

    /* The decision for the newest closed step, or ABSTAIN with its reasons. 0 takes the engine's clock. */
    FORETICK_NODISCARD status_t predict(std::int64_t now_ns, foretick_prediction_t &out) const noexcept { return foretick_track_predict(id(), now_ns, &out); }
    foretick_prediction_t predict(std::int64_t now_ns = 0) const {
        return detail::made<foretick_prediction_t>([&](foretick_prediction_t &out) { return predict(now_ns, out); });
    }

    /* Works out what the next step's answer can be known by before it closes: call it when the answer is out. */
    FORETICK_NODISCARD status_t prepare(std::nothrow_t) const noexcept { return foretick_track_prepare(id()); }
    void prepare() const { check(foretick_track_prepare(id())); }

    /* As predict, on F unscaled values of the caller's. */
    FORETICK_NODISCARD status_t predict_row(span<const double> row, std::int64_t now_ns, foretick_prediction_t &out) const noexcept {
        return foretick_track_predict_row(id(), row.data(), row.size(), now_ns, &out);
    }
    foretick_prediction_t predict_row(span<const double> row, std::int64_t now_ns = 0) const {
        return detail::made<foretick_prediction_t>([&](foretick_prediction_t &out) { return predict_row(row, now_ns, out); });
    }

    /* The host's veto, from any thread. */
    void enable(bool on) const { check(foretick_track_enable(id(), on ? 1 : 0)); }

    /* The newest closed row; `flags`: FORETICK_ROW_SCALED or 0. */
    FORETICK_NODISCARD status_t newest_row(std::uint32_t flags, row &out) const {
        return detail::grown(out.values, [&](double *values, std::size_t cap, std::size_t *len) { return foretick_track_row(id(), flags, values, cap, len, &out.close_ns); });
    }
    row newest_row(std::uint32_t flags = 0) const {
        return detail::made<row>([&](row &out) { return newest_row(flags, out); });
    }

    /* Attaches result memory, which must stay until detach(), or until the track, its lane or its engine is closed. */
    void attach(result_memory &memory) const { check(foretick_result_attach(id(), static_cast<foretick_prediction_t *>(&memory), sizeof(foretick_prediction_t))); }
    /* Gives it back. */
    void detach() const { check(foretick_result_attach(id(), nullptr, 0)); }

    /* Outputs, members and missing features behind the newest prediction. */
    FORETICK_NODISCARD status_t newest_details(details &out) const {
        status_t status = ask(out);
        if (status != FORETICK_OK && status != FORETICK_BUFFER_TOO_SMALL) return status;
        if (fit(out) || status != FORETICK_OK) status = ask(out);
        return status;
    }
    details newest_details() const {
        return detail::made<details>([&](details &out) { return newest_details(out); });
    }

private:
    status_t ask(details &out) const noexcept {
        out.record = sized<foretick_details_t>();
        out.record.outputs = out.outputs.data();
        out.record.outputs_cap = out.outputs.size();
        out.record.outputs_stride = sizeof(foretick_output_t);
        out.record.members = out.members.data();
        out.record.members_cap = out.members.size();
        out.record.members_stride = sizeof(foretick_member_t);
        out.record.missing = out.missing.data();
        out.record.missing_cap = out.missing.size();
        return foretick_track_details(id(), &out.record);
    }
    /* Makes the arrays as long as the record says; whether one was not. */
    static bool fit(details &out) {
        const bool fits = out.outputs.size() == out.record.outputs_len && out.members.size() == out.record.members_len && out.missing.size() == out.record.missing_len;
        out.outputs.resize(out.record.outputs_len);
        out.members.resize(out.record.members_len);
        out.missing.resize(out.record.missing_len);
        return !fits;
    }
};

/* A producer's end of the way into a lane: one caller at a time. */
class link : public handle<foretick_link_t, foretick_link_close> {
public:
    using handle::handle;

    /* Pushes events until one is refused or finds no room: 64-byte slots. */
    FORETICK_NODISCARD status_t push(const void *events, std::size_t slots, foretick_flow_t &flow) const noexcept {
        flow.struct_size = static_cast<std::uint32_t>(sizeof flow);
        return foretick_link_push(id(), events, slots, &flow);
    }
    foretick_flow_t push(const void *events, std::size_t slots) const {
        return detail::made<foretick_flow_t>([&](foretick_flow_t &flow) { return push(events, slots, flow); });
    }
    /* All of them or none; FULL when they find no room. */
    FORETICK_NODISCARD status_t push_all(const void *events, std::size_t slots) const noexcept { return foretick_link_push(id(), events, slots, nullptr); }
    /* One event; head.slots says how much of it is passed. */
    template <class E, class = detail::if_event<E>>
    FORETICK_NODISCARD status_t push(const E &event) const noexcept {
        return push_all(&event, slots_of(event));
    }
};

class lane : public handle<foretick_lane_t, foretick_lane_close> {
public:
    using handle::handle;

    /* Takes events until one closes a step or all are taken: 64-byte slots. */
    FORETICK_NODISCARD status_t push(const void *events, std::size_t slots, foretick_flow_t &flow) const noexcept {
        flow.struct_size = static_cast<std::uint32_t>(sizeof flow);
        return foretick_lane_push(id(), events, slots, &flow);
    }
    foretick_flow_t push(const void *events, std::size_t slots) const {
        return detail::made<foretick_flow_t>([&](foretick_flow_t &flow) { return push(events, slots, flow); });
    }
    /* One event; head.slots says how much of it is passed. */
    template <class E, class = detail::if_event<E>>
    FORETICK_NODISCARD status_t push(const E &event, foretick_flow_t &flow) const noexcept {
        return push(static_cast<const void *>(&event), slots_of(event), flow);
    }
    template <class E, class = detail::if_event<E>>
    foretick_flow_t push(const E &event) const {
        return push(static_cast<const void *>(&event), slots_of(event));
    }
    /* Events of one kind and length, such as trades. */
    template <class E, class = detail::if_event<E>>
    FORETICK_NODISCARD status_t push(span<const E> events, foretick_flow_t &flow) const noexcept {
        return push(static_cast<const void *>(events.data()), events.size() * (sizeof(E) / 64), flow);
    }
    template <class E, class = detail::if_event<E>>
    foretick_flow_t push(span<const E> events) const {
        return push(static_cast<const void *>(events.data()), events.size() * (sizeof(E) / 64));
    }

    /* Promises that nothing known at `until_ns` or before will follow. */
    FORETICK_NODISCARD status_t advance(std::int64_t until_ns, foretick_flow_t &flow) const noexcept {
        flow.struct_size = static_cast<std::uint32_t>(sizeof flow);
        return foretick_lane_advance(id(), until_ns, &flow);
    }
    foretick_flow_t advance(std::int64_t until_ns) const {
        return detail::made<foretick_flow_t>([&](foretick_flow_t &flow) { return advance(until_ns, flow); });
    }

    /* The tracks with a closed step that nobody asked for. */
    FORETICK_NODISCARD status_t due(std::vector<foretick_track_t> &out) const {
        return detail::grown(out, [&](foretick_track_t *tracks, std::size_t cap, std::size_t *len) { return foretick_lane_due(id(), tracks, cap, len); });
    }
    std::vector<foretick_track_t> due() const {
        return detail::made<std::vector<foretick_track_t>>([&](std::vector<foretick_track_t> &out) { return due(out); });
    }

    /* Feeds history: 64-byte slots; takes them all, and no step is asked for. */
    FORETICK_NODISCARD status_t warm(const void *events, std::size_t slots, foretick_flow_t &flow) const noexcept {
        flow.struct_size = static_cast<std::uint32_t>(sizeof flow);
        return foretick_lane_warm(id(), events, slots, &flow);
    }
    foretick_flow_t warm(const void *events, std::size_t slots) const {
        return detail::made<foretick_flow_t>([&](foretick_flow_t &flow) { return warm(events, slots, flow); });
    }

    /* What the lane and its tracks remember, as bytes. */
    FORETICK_NODISCARD status_t snapshot(std::vector<unsigned char> &out) const {
        return detail::grown(out, [&](unsigned char *buf, std::size_t cap, std::size_t *len) { return foretick_lane_snapshot(id(), buf, cap, len); });
    }
    std::vector<unsigned char> snapshot() const {
        return detail::made<std::vector<unsigned char>>([&](std::vector<unsigned char> &out) { return snapshot(out); });
    }
    /* Goes on from a snapshot of a lane with the same tracks. */
    FORETICK_NODISCARD status_t restore(span<const unsigned char> snapshot) const noexcept { return foretick_lane_restore(id(), snapshot.data(), snapshot.size()); }

    /* Drains the lane's links, at most so many slots (0: all), predicts every step that closes and publishes it to result memory. */
    FORETICK_NODISCARD status_t poll(std::size_t max_slots, std::int64_t now_ns, foretick_flow_t &flow) const noexcept {
        flow.struct_size = static_cast<std::uint32_t>(sizeof flow);
        return foretick_lane_poll(id(), max_slots, now_ns, &flow);
    }
    foretick_flow_t poll(std::size_t max_slots = 0, std::int64_t now_ns = 0) const {
        return detail::made<foretick_flow_t>([&](foretick_flow_t &flow) { return poll(max_slots, now_ns, flow); });
    }

    /* The way of one producer into this lane; `options`: TOML. */
    FORETICK_NODISCARD status_t open_link(std::string_view options, link &out) const noexcept {
        foretick_link_t id_of{};
        const status_t status = foretick_link_open(id(), options.data(), options.size(), &id_of);
        if (status == FORETICK_OK) out = link(id_of);
        return status;
    }
    link open_link(std::string_view options = {}) const {
        return detail::made<link>([&](link &out) { return open_link(options, out); });
    }

    /* A track of a published slot on streams, one a role; `flags`: FORETICK_TRACK_ANY_STREAM or 0. */
    FORETICK_NODISCARD status_t open_track(std::string_view slot, span<const std::uint32_t> streams, std::uint32_t flags, track &out) const noexcept {
        foretick_track_t id_of{};
        const status_t status = foretick_track_open(id(), slot.data(), slot.size(), streams.data(), streams.size(), flags, &id_of);
        if (status == FORETICK_OK) out = track(id_of);
        return status;
    }
    track open_track(std::string_view slot, span<const std::uint32_t> streams, std::uint32_t flags = 0) const {
        return detail::made<track>([&](track &out) { return open_track(slot, streams, flags, out); });
    }
};

class bundle : public handle<foretick_bundle_t, foretick_bundle_close> {
public:
    using handle::handle;

    /* Manifest, digest, features, members with backend and why, as JSON. */
    FORETICK_NODISCARD status_t describe(std::string &out) const {
        return detail::grown(out, [&](char *buf, std::size_t cap, std::size_t *len) { return foretick_bundle_describe(id(), buf, cap, len); });
    }
    std::string describe() const {
        return detail::made<std::string>([&](std::string &out) { return describe(out); });
    }
};

class scorer : public handle<foretick_scorer_t, foretick_scorer_close> {
public:
    using handle::handle;

    /* What it reads and gives. */
    FORETICK_NODISCARD status_t info(foretick_scorer_info_t &out) const noexcept {
        out = sized<foretick_scorer_info_t>();
        return foretick_scorer_info(id(), &out);
    }
    foretick_scorer_info_t info() const {
        return detail::made<foretick_scorer_info_t>([&](foretick_scorer_info_t &out) { return info(out); });
    }

    /* Scores n rows or windows: the pointers as foretick_scorer_run takes them. */
    FORETICK_NODISCARD status_t run(const void *rows, std::size_t n, std::size_t stride, span<float> out) const noexcept {
        return foretick_scorer_run(id(), rows, n, stride, out.data(), out.size());
    }
    /* Scores n rows, the window that each makes of the one that was scored last: the pointers as foretick_scorer_next takes them. */
    FORETICK_NODISCARD status_t next(const void *rows, std::size_t n, std::size_t stride, span<float> out) const noexcept {
        return foretick_scorer_next(id(), rows, n, stride, out.data(), out.size());
    }
    /* Works out all but the newest row of the window behind the one that was scored last. */
    FORETICK_NODISCARD status_t prepare(std::nothrow_t) const noexcept { return foretick_scorer_prepare(id()); }
    void prepare() const { check(foretick_scorer_prepare(id())); }

    /* Scores whole rows or windows, one after the other: float as models see them, double when it was opened RAW. */
    template <class T>
    std::vector<float> run(span<const T> rows) const {
        const foretick_scorer_info_t reads = info();
        return scored(foretick_scorer_run, rows, reads, std::size_t(reads.features) * reads.window);
    }
    /* The same of rows, each of which makes a window of the one that was scored last. */
    template <class T>
    std::vector<float> next(span<const T> rows) const {
        const foretick_scorer_info_t reads = info();
        return scored(foretick_scorer_next, rows, reads, reads.features);
    }

private:
    template <class Score, class T>
    std::vector<float> scored(Score score, span<const T> rows, const foretick_scorer_info_t &reads, std::size_t width) const {
        static_assert(std::is_same_v<T, float> || std::is_same_v<T, double>, "rows are float, or double");
        if (std::is_same_v<T, double> != ((reads.flags & FORETICK_SCORER_RAW) != 0)) {
            throw error(FORETICK_INVALID_ARGUMENT, "rows are double for a scorer that was opened RAW, else float");
        }
        if (rows.size() % width != 0) throw error(FORETICK_SHAPE, "the values are no whole rows of " + std::to_string(width));
        std::vector<float> out(rows.size() / width * reads.outputs);
        check(score(id(), rows.data(), rows.size() / width, 0, out.data(), out.size()));
        return out;
    }
};

class engine : public handle<foretick_engine_t, foretick_engine_close> {
public:
    using handle::handle;

    /* Opens an engine by its options, TOML; starts the library. */
    FORETICK_NODISCARD static status_t open(std::string_view options, engine &out) noexcept {
        foretick_engine_t id_of{};
        status_t status = foretick_init(FORETICK_ABI_VERSION);
        if (status == FORETICK_OK) status = foretick_engine_open(options.data(), options.size(), &id_of);
        if (status == FORETICK_OK) out = engine(id_of);
        return status;
    }
    static engine open(std::string_view options = {}) {
        return detail::made<engine>([&](engine &out) { return open(options, out); });
    }

    /* Counters, gauges and sampled latencies as Prometheus text. */
    FORETICK_NODISCARD status_t metrics(std::string &out) const {
        return detail::grown(out, [&](char *buf, std::size_t cap, std::size_t *len) { return foretick_engine_metrics(id(), buf, cap, len); });
    }
    std::string metrics() const {
        return detail::made<std::string>([&](std::string &out) { return metrics(out); });
    }

    /* The parts asked for, as JSON; `parts`: FORETICK_DESCRIBE_*. */
    FORETICK_NODISCARD status_t describe(std::uint32_t parts, std::string &out) const {
        return detail::grown(out, [&](char *buf, std::size_t cap, std::size_t *len) { return foretick_engine_describe(id(), parts, buf, cap, len); });
    }
    std::string describe(std::uint32_t parts) const {
        return detail::made<std::string>([&](std::string &out) { return describe(parts, out); });
    }

    /* The housekeeping of an engine with threads = 0; whether work is left. */
    FORETICK_NODISCARD status_t maintain(std::int64_t budget_ns, bool &more) const noexcept {
        std::int32_t left = 0;
        const status_t status = foretick_engine_maintain(id(), budget_ns, &left);
        if (status == FORETICK_OK) more = left != 0;
        return status;
    }
    bool maintain(std::int64_t budget_ns) const {
        return detail::made<bool>([&](bool &more) { return maintain(budget_ns, more); });
    }

    /* The id of a stream, such as "binance_spot:BTCUSDT". */
    FORETICK_NODISCARD status_t add_stream(std::string_view name, std::string_view options, std::uint32_t &out) const noexcept {
        return foretick_stream_add(id(), name.data(), name.size(), options.data(), options.size(), &out);
    }
    std::uint32_t add_stream(std::string_view name, std::string_view options = {}) const {
        return detail::made<std::uint32_t>([&](std::uint32_t &out) { return add_stream(name, options, out); });
    }

    /* Reads, verifies and compiles a bundle's folder: seconds. */
    FORETICK_NODISCARD status_t open_bundle(std::string_view path, bundle &out) const noexcept {
        foretick_bundle_t id_of{};
        const status_t status = foretick_bundle_open(id(), path.data(), path.size(), 0, &id_of);
        if (status == FORETICK_OK) out = bundle(id_of);
        return status;
    }
    bundle open_bundle(std::string_view path) const {
        return detail::made<bundle>([&](bundle &out) { return open_bundle(path, out); });
    }

    /* One bundle for one slot, to be published with others. `flags`: FORETICK_PUBLISH_REPLACE or 0. */
    static foretick_publish_t item(std::string_view slot, const bundle &bundle, std::uint32_t flags = 0) noexcept {
        foretick_publish_t item = sized<foretick_publish_t>();
        item.flags = flags;
        item.slot = slot.data();
        item.slot_len = slot.size();
        item.bundle = bundle.id();
        return item;
    }
    /* Publishes bundles under slots, all or none. */
    FORETICK_NODISCARD status_t publish(span<const foretick_publish_t> items, std::vector<std::uint64_t> &generations) const {
        std::vector<std::uint64_t> made(items.size());
        const status_t status = foretick_slot_publish(id(), items.data(), items.size(), made.data());
        if (status == FORETICK_OK) generations = std::move(made);
        return status;
    }
    std::vector<std::uint64_t> publish(span<const foretick_publish_t> items) const {
        return detail::made<std::vector<std::uint64_t>>([&](std::vector<std::uint64_t> &out) { return publish(items, out); });
    }
    /* Publishes one bundle; the generation. */
    std::uint64_t publish(std::string_view slot, const bundle &bundle, std::uint32_t flags = 0) const {
        const foretick_publish_t items[] = {item(slot, bundle, flags)};
        return publish(items).front();
    }

    /* Switches one member of a slot off or on, or the whole slot when it is empty. */
    void enable(std::string_view slot, std::string_view member, bool on) const {
        /* no name is NULL: an empty one that is not would be looked for */
        check(foretick_slot_enable(id(), slot.data(), slot.size(), member.empty() ? nullptr : member.data(), member.size(), on ? 1 : 0));
    }

    /* A lane: one working set, one caller at a time. */
    FORETICK_NODISCARD status_t open_lane(std::string_view options, lane &out) const noexcept {
        foretick_lane_t id_of{};
        const status_t status = foretick_lane_open(id(), options.data(), options.size(), &id_of);
        if (status == FORETICK_OK) out = lane(id_of);
        return status;
    }
    lane open_lane(std::string_view options = {}) const {
        return detail::made<lane>([&](lane &out) { return open_lane(options, out); });
    }

    /* One model of what a slot serves now, alone. `flags`: FORETICK_SCORER_RAW or 0. */
    FORETICK_NODISCARD status_t open_scorer(std::string_view slot, std::string_view model, std::uint32_t flags, scorer &out) const noexcept {
        foretick_scorer_t id_of{};
        const status_t status = foretick_scorer_open(id(), slot.data(), slot.size(), model.data(), model.size(), flags, &id_of);
        if (status == FORETICK_OK) out = scorer(id_of);
        return status;
    }
    scorer open_scorer(std::string_view slot, std::string_view model, std::uint32_t flags = 0) const {
        return detail::made<scorer>([&](scorer &out) { return open_scorer(slot, model, flags, out); });
    }
};

} // namespace foretick

#endif /* FORETICK_HPP */
