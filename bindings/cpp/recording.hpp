/* Drives a recording of `foretick demo --record` to its end: its form stands in the help of that option. */
#ifndef RECORDING_HPP
#define RECORDING_HPP

#include <map>

#include "calls.hpp"
#include "json.hpp"

/* What a run decided. */
struct decided {
    std::uint64_t events = 0, predictions = 0, digest = 0xcbf29ce484222325u;
    std::map<std::string, std::uint64_t> actions;

    void take(const foretick_prediction_t &made) {
        const foretick_prediction_t p = comparable(made);
        std::uint64_t whole[16];
        std::memcpy(whole, &p, sizeof p);
        for (std::uint64_t word : whole) {
            digest = (digest ^ word) * 0x100000001b3u;
            digest ^= digest >> 32;
        }
        predictions++;
        actions[action(p.signal)]++;
    }

    static const char *action(std::uint64_t signal) {
        switch (FORETICK_SIGNAL_ACTION(signal)) {
        case FORETICK_ACTION_BUY: return "BUY";
        case FORETICK_ACTION_SELL: return "SELL";
        case FORETICK_ACTION_HOLD: return "HOLD";
        case FORETICK_ACTION_ABSTAIN: return "ABSTAIN";
        default: return "OTHER";
        }
    }
};

class recording {
public:
    recording(const std::string &path, std::string models)
        : models_(std::move(models)), table_(json::parse(file(path + ".streams.json"))), slots_(slots_of_file(path)) {
        if (slots_.size() != table_["slots"].number()) throw std::runtime_error(path + " has another length than its table says");
    }

    decided run() {
        engine_ = foretick::engine::open("clock = \"host\"\nthreads = 0\n");
        std::size_t end = publish(0);
        for (const json &stream : table_["streams"].items) {
            if (engine_.add_stream(stream["name"].text, stream["options"].text) != stream["id"].number()) throw std::runtime_error("another stream id");
        }
        lane_ = engine_.open_lane();
        for (const json &track : table_["tracks"].items) {
            std::vector<std::uint32_t> streams;
            for (const json &stream : track["streams"].items) streams.push_back(static_cast<std::uint32_t>(stream.number()));
            tracks_.push_back(lane_.open_track(track["slot"].text, streams, static_cast<std::uint32_t>(track["flags"].number())));
        }
        for (std::size_t at = 0; at < slots_.size();) {
            at += step(at, end);
            if (at == end) end = publish(at);
        }
        foretick::check(engine_.close());
        return decided_;
    }

private:
    /* Publishes what the table wants published here; where it next wants that, or the end. */
    std::size_t publish(std::size_t at) {
        std::size_t end = slots_.size();
        for (const json &item : table_["published"].items) {
            const std::size_t when = item["at_slot"].number();
            if (when == at) engine_.publish(item["slot"].text, engine_.open_bundle(models_ + "/" + item["bundle"].text));
            if (when > at && when < end) end = when;
        }
        return end;
    }

    /* Pushes until a step closes, and asks what is due; the slots that were taken. */
    std::size_t step(std::size_t at, std::size_t end) {
        const foretick_flow_t flow = lane_.push(&slots_[at], end - at);
        foretick_event_t head{};
        for (std::size_t next = at; next < at + flow.taken; next += head.slots) {
            std::memcpy(&head, &slots_[next], sizeof head);
            decided_.events++;
        }
        if (flow.closed > 0) ask(head.known_ns);
        return flow.taken;
    }

    void ask(std::int64_t now_ns) {
        const std::vector<foretick_track_t> due = lane_.due();
        for (const foretick::track &track : tracks_) {
            const auto same = [&](const foretick_track_t &id) { return id.id == track.id().id; };
            if (std::any_of(due.begin(), due.end(), same)) decided_.take(track.predict(now_ns));
        }
    }

    std::string models_;
    json table_;
    std::vector<slot> slots_;
    decided decided_;
    foretick::engine engine_;
    foretick::lane lane_;
    std::vector<foretick::track> tracks_;
};

#endif
