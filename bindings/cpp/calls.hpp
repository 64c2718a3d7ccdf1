/* The calls of a case over foretick.hpp. */
#ifndef CALLS_HPP
#define CALLS_HPP

#include <algorithm>
#include <map>

#include "foretick.hpp"
#include "words.hpp"

/* What two runs of the same calls do not share is 0. */
inline foretick_prediction_t comparable(foretick_prediction_t p) {
    p.stamp = p.id_epoch = 0;
    p.queue_ns = p.compute_ns = 0;
    p.batch = 0;
    p.backend = static_cast<std::uint16_t>(p.backend & ~(FORETICK_BACKEND_WHOLE_WINDOW | FORETICK_BACKEND_PREFIX | FORETICK_BACKEND_CACHED));
    return p;
}

/* What a case has opened, by its names. */
class calls {
public:
    calls(std::string folder, std::string root) : folder_(std::move(folder)), root_(std::move(root)) {}

    /* Makes a call; its status and answers as they stand behind the arrow. */
    std::string answer(const std::string &call) {
        const words w = split(call, ' ');
        if (w[0] == "events") {
            events_ = slots_of_file(folder_ + "/" + w[1]);
            return "";
        }
        try {
            return "OK" + made(w);
        } catch (const foretick::error &error) {
            const std::string name = foretick::status_name(error.status());
            if (std::string(error.what()).size() <= name.size() + 2) throw std::runtime_error(call + ": the error has no text");
            return name;
        }
    }

    /* Closes what the case opened. */
    void close() { foretick::check(engine_.close()); }

private:
    std::string made(const words &w) {
        const std::string &verb = w[0];
        if (verb == "engine") engine_ = foretick::engine::open(plain(w[1]));
        else if (verb == "bundle") bundles_[w[1]] = engine_.open_bundle(root_ + "/" + plain(w[2]));
        else if (verb == "publish") return publish(w);
        else if (verb == "stream") return number(engine_.add_stream(plain(w[1]), plain(w[2])));
        else if (verb == "lane") lanes_[w[1]] = engine_.open_lane(plain(w[2]));
        else if (verb == "track") return track(w);
        else if (verb == "push") return push(w);
        else if (verb.rfind("amount_", 0) == 0) return amount(w);
        else if (verb == "warm") return warm(w);
        else if (verb == "snapshot") snapshots_[w[2]] = lanes_.at(w[1]).snapshot();
        else if (verb == "restore") foretick::check(lanes_.at(w[1]).restore(snapshots_.at(w[2])));
        else if (verb == "restore_bytes") foretick::check(lanes_.at(w[1]).restore(values<unsigned char>(w[2])));
        else if (verb == "link") links_[w[1]] = lanes_.at(w[2]).open_link(plain(w[3]));
        else if (verb == "link_push") return link_push(w);
        else if (verb == "link_all") link_all(w);
        else if (verb == "poll") return flow(lanes_.at(w[1]).poll(std::stoul(w[2]), std::stoll(w[3])));
        else if (verb == "maintain") return number(engine_.maintain(std::stoll(w[1])) ? 1 : 0);
        else if (verb == "result") return result(results_.at(w[1]));
        else if (verb == "advance") return flow(lanes_.at(w[1]).advance(std::stoll(w[2])));
        else if (verb == "due") return due(w);
        else if (verb == "slot_enable") engine_.enable(plain(w[1]), plain(w[2]), w[3] == "1");
        else if (verb == "scorer") return scorer(w);
        else if (verb == "score") return score(w);
        else if (verb == "score_next") return score_next(w);
        else if (verb == "prepare_scorer") scorers_.at(w[1]).prepare();
        else return asked(w);
        return "";
    }

    std::string asked(const words &w) {
        const foretick::track &track = tracks_.at(w[1]);
        if (w[0] == "predict") return prediction(track.predict(std::stoll(w[2])));
        if (w[0] == "predict_row") return prediction(track.predict_row(values<double>(w[3]), std::stoll(w[2])));
        if (w[0] == "details") return details(track.newest_details());
        if (w[0] == "row") {
            const foretick::row row = track.newest_row(static_cast<std::uint32_t>(std::stoul(w[2])));
            return number(row.close_ns) + " " + hex(row.values);
        }
        if (w[0] == "prepare") track.prepare();
        else if (w[0] == "track_enable") track.enable(w[2] == "1");
        else if (w[0] == "attach") track.attach(results_[w[1]]);
        else throw std::runtime_error("no call is named " + w[0]);
        return "";
    }

    std::string publish(const words &w) {
        std::vector<std::string> slots;
        std::vector<foretick_publish_t> items;
        for (std::size_t i = 1; i < w.size(); i += 2) slots.push_back(plain(w[i]));
        for (std::size_t i = 0; i < slots.size(); i++) items.push_back(foretick::engine::item(slots[i], bundles_.at(w[2 * i + 2])));
        std::string out;
        for (std::uint64_t generation : engine_.publish(items)) out += number(generation);
        return out;
    }

    std::string track(const words &w) {
        std::vector<std::uint32_t> streams;
        for (std::size_t i = 5; i < w.size(); i++) streams.push_back(static_cast<std::uint32_t>(std::stoul(w[i])));
        foretick::track track = lanes_.at(w[2]).open_track(plain(w[3]), streams, static_cast<std::uint32_t>(std::stoul(w[4])));
        const std::string out = number(track.index());
        tracks_[w[1]] = std::move(track);
        return out;
    }

    std::vector<slot> slots(const std::string &word) const {
        if (word[0] != '@') return values<slot>(word);
        const words part = split(word.substr(1), '+');
        const auto from = events_.begin() + std::stol(part[0]);
        return std::vector<slot>(from, from + std::stol(part[1]));
    }

    std::string push(const words &w) {
        const std::vector<slot> events = slots(w[2]);
        return flow(lanes_.at(w[1]).push(events.data(), events.size()));
    }

    static std::string amount(const words &w) {
        if (w[0] == "amount_f64") {
            foretick::limbs units{};
            const std::vector<std::uint64_t> given = values<std::uint64_t>(w[1]);
            std::copy(given.begin(), given.end(), units.begin());
            const double value = foretick::amount_to_f64(units, static_cast<std::uint32_t>(std::stoul(w[2])));
            return " " + hex(&value, sizeof value);
        }
        if (w[0] == "amount_parse") {
            const foretick::limbs units = foretick::amount_parse(plain(w[1]), static_cast<std::uint32_t>(std::stoul(w[2])));
            return " " + hex(units.data(), sizeof units);
        }
        if (w[0] != "amount_bytes") throw std::runtime_error("no call is named " + w[0]);
        std::array<std::uint8_t, 32> bytes{};
        const std::vector<std::uint8_t> given = values<std::uint8_t>(w[1]);
        std::copy(given.begin(), given.end(), bytes.begin());
        const foretick::limbs units = foretick::amount_from_bytes(bytes);
        return " " + hex(units.data(), sizeof units);
    }

    std::string warm(const words &w) {
        const std::vector<slot> events = slots(w[2]);
        return flow(lanes_.at(w[1]).warm(events.data(), events.size()));
    }

    std::string link_push(const words &w) {
        const std::vector<slot> events = slots(w[2]);
        return flow(links_.at(w[1]).push(events.data(), events.size()));
    }

    void link_all(const words &w) {
        const std::vector<slot> events = slots(w[2]);
        foretick::check(links_.at(w[1]).push_all(events.data(), events.size()));
    }

    static std::string result(const foretick::result_memory &memory) {
        foretick_prediction_t found{};
        foretick::check(memory.read(found));
        if (memory.signal_word() != found.signal) throw std::runtime_error("a signal of another prediction");
        return prediction(found);
    }

    std::string due(const words &w) {
        std::vector<std::uint32_t> numbers;
        for (const foretick_track_t &track : lanes_.at(w[1]).due()) numbers.push_back(FORETICK_HANDLE_INDEX(track));
        std::sort(numbers.begin(), numbers.end());
        std::string out;
        for (std::uint32_t track : numbers) out += number(track);
        return out;
    }

    std::string scorer(const words &w) {
        foretick::scorer scorer = engine_.open_scorer(plain(w[2]), plain(w[3]), static_cast<std::uint32_t>(std::stoul(w[4])));
        const foretick_scorer_info_t info = scorer.info();
        scorers_[w[1]] = std::move(scorer);
        return number(info.features) + number(info.window) + number(info.outputs) + number(info.generation) + number(info.backend) + number(info.flags);
    }

    /* Rows that stand one after the other by the span, others by the pointer. */
    std::string score(const words &w) {
        const foretick::scorer &scorer = scorers_.at(w[1]);
        const std::size_t rows = std::stoul(w[2]), stride = std::stoul(w[3]);
        const bool raw = (scorer.info().flags & FORETICK_SCORER_RAW) != 0;
        std::vector<float> out(rows * scorer.info().outputs);
        if (stride == 0 && raw) out = scorer.run<double>(values<double>(w[4]));
        else if (stride == 0) out = scorer.run<float>(values<float>(w[4]));
        else foretick::check(scorer.run(values<float>(w[4]).data(), rows, stride, out));
        return " " + hex(out);
    }

    std::string score_next(const words &w) {
        const foretick::scorer &scorer = scorers_.at(w[1]);
        const std::size_t rows = std::stoul(w[2]), stride = std::stoul(w[3]);
        std::vector<float> out(rows * scorer.info().outputs);
        if (stride != 0) foretick::check(scorer.next(values<float>(w[4]).data(), rows, stride, out));
        else if ((scorer.info().flags & FORETICK_SCORER_RAW) != 0) out = scorer.next<double>(values<double>(w[4]));
        else out = scorer.next<float>(values<float>(w[4]));
        return " " + hex(out);
    }

    template <class T>
    static std::string number(T value) {
        return " " + std::to_string(value);
    }
    static std::string flow(const foretick_flow_t &f) {
        return number(f.closed) + number(f.taken) + number(f.reasons) + number(f.skipped) + number(f.conflated) + number(f.predicted) + number(f.waiting);
    }
    static std::string prediction(const foretick_prediction_t &made) {
        const foretick_prediction_t p = comparable(made);
        return " " + hex(&p, sizeof p);
    }

    static std::string details(const foretick::details &d) {
        const auto value = [](double value) { return hex(&value, sizeof value); };
        const auto part = [](auto value) { return ":" + std::to_string(value); };
        std::string out = number(d.record.id_counter) + number(d.record.features) + number(d.record.rows) + " " + hex(&d.record.feature_hash, 8);
        out += " " + value(d.record.phase_confidence) + " " + value(d.record.expected_net) + " " + hex(d.missing);
        for (const foretick_output_t &o : d.outputs) {
            out += " o:" + std::string(foretick::name_of(o.name)) + part(o.output) + part(o.task) + part(o.horizon);
            out += ":" + value(o.value) + ":" + value(o.raw) + ":" + value(o.lower) + ":" + value(o.upper);
        }
        for (const foretick_member_t &m : d.members) {
            out += " m:" + std::string(foretick::name_of(m.name)) + part(m.member) + part(m.output) + part(m.backend);
            out += std::string(":") + foretick::status_name(m.status) + ":" + value(m.value) + ":" + value(m.weight);
        }
        return out;
    }

    std::string folder_, root_;
    std::vector<slot> events_;
    /* Result memory goes after the engine, which goes after its handles. */
    std::map<std::string, foretick::result_memory> results_;
    std::map<std::string, std::vector<unsigned char>> snapshots_;
    foretick::engine engine_;
    std::map<std::string, foretick::bundle> bundles_;
    std::map<std::string, foretick::lane> lanes_;
    std::map<std::string, foretick::track> tracks_;
    std::map<std::string, foretick::scorer> scorers_;
    std::map<std::string, foretick::link> links_;
};

#endif
