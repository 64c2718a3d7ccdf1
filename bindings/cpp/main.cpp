/*
 * A consumer of foretick.hpp.
 *
 *   consumer vectors FOLDER ROOT     runs the cases of tests/vectors/calls; ROOT is the repository
 *   consumer recording FILE MODELS   drives a recording of `foretick demo --record`; MODELS is models/sim
 *
 * Each says what it did as a line of JSON.
 */
#include <cinttypes>
#include <cstdio>
#include <filesystem>

#include "recording.hpp"

/* Runs one case; adds to the calls and bytes that were compared. */
static void run_case(const std::filesystem::path &path, const std::string &root, std::size_t &made, std::size_t &bytes) {
    calls calls(path.parent_path().string(), root);
    std::size_t number = 0;
    for (const std::string &line : split(file(path.string()), '\n')) {
        number++;
        if (line.empty() || line[0] == '#') continue;
        const std::size_t arrow = line.find(" -> ");
        const std::string wanted = arrow == std::string::npos ? "" : line.substr(arrow + 4), answer = calls.answer(line.substr(0, arrow));
        if (answer != wanted) throw std::runtime_error(path.string() + ":" + std::to_string(number) + ": " + answer + "\nwanted " + wanted);
        made++;
        bytes += wanted.size();
    }
    calls.close();
}

static void vectors(const std::string &folder, const std::string &root) {
    std::size_t cases = 0, made = 0, bytes = 0;
    for (const auto &entry : std::filesystem::directory_iterator(folder)) {
        if (entry.path().extension() != ".case") continue;
        run_case(entry.path(), root, made, bytes);
        cases++;
    }
    std::printf("{\"cases\": %zu, \"calls\": %zu, \"bytes\": %zu}\n", cases, made, bytes);
}

static void drive(const std::string &path, const std::string &models) {
    const decided decided = recording(path, models).run();
    std::printf("{\"events\": %" PRIu64 ", \"predictions\": %" PRIu64 ", \"digest\": \"%016" PRIx64 "\"", decided.events, decided.predictions, decided.digest);
    for (const auto &[action, count] : decided.actions) std::printf(", \"%s\": %" PRIu64, action.c_str(), count);
    std::printf("}\n");
}

int main(int argc, char **argv) {
    const std::string what = argc == 4 ? argv[1] : "";
    try {
        if (what == "vectors") vectors(argv[2], argv[3]);
        else if (what == "recording") drive(argv[2], argv[3]);
        else {
            std::fprintf(stderr, "usage: consumer vectors FOLDER ROOT | recording FILE MODELS\n");
            return 2;
        }
    } catch (const std::exception &error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
    return 0;
}
