/* As much of JSON as a recording's table needs: objects, arrays, numbers, texts without escapes. */
#ifndef JSON_HPP
#define JSON_HPP

#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

struct json {
    std::string text; /* a text, or a number as it stands */
    std::vector<json> items;
    std::map<std::string, json> members;

    const json &operator[](const char *name) const { return members.at(name); }
    std::uint64_t number() const { return std::stoull(text); }

    static json parse(const std::string &source) {
        std::size_t at = 0;
        json value = read(source, at);
        if (next(source, at) != '\0') throw std::runtime_error("JSON goes on behind its end");
        return value;
    }

private:
    /* The next character that is no space; it stays. */
    static char next(const std::string &s, std::size_t &at) {
        at = s.find_first_not_of(" \t\r\n", at);
        if (at == std::string::npos) at = s.size();
        return at < s.size() ? s[at] : '\0';
    }
    static bool take(const std::string &s, std::size_t &at, char wanted) {
        const bool found = next(s, at) == wanted;
        if (found) at++;
        return found;
    }
    static void expect(const std::string &s, std::size_t &at, char wanted) {
        if (!take(s, at, wanted)) throw std::runtime_error(std::string("JSON lacks ") + wanted + " at byte " + std::to_string(at));
    }
    static std::string quoted(const std::string &s, std::size_t &at) {
        expect(s, at, '"');
        const std::size_t end = s.find_first_of("\"\\", at);
        if (end == std::string::npos || s[end] == '\\') throw std::runtime_error("JSON text with an escape");
        const std::string text = s.substr(at, end - at);
        at = end + 1;
        return text;
    }
    static json read(const std::string &s, std::size_t &at) {
        json value;
        if (take(s, at, '{')) {
            for (bool more = next(s, at) != '}'; more; more = take(s, at, ',')) {
                const std::string name = quoted(s, at);
                expect(s, at, ':');
                value.members[name] = read(s, at);
            }
            expect(s, at, '}');
        } else if (take(s, at, '[')) {
            for (bool more = next(s, at) != ']'; more; more = take(s, at, ',')) value.items.push_back(read(s, at));
            expect(s, at, ']');
        } else if (next(s, at) == '"') {
            value.text = quoted(s, at);
        } else {
            const std::size_t end = s.find_first_not_of("+-.0123456789eE", at);
            if (end == at || end == std::string::npos) throw std::runtime_error("JSON value at byte " + std::to_string(at));
            value.text = s.substr(at, end - at);
            at = end;
        }
        return value;
    }
};

#endif
