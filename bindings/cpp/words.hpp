/* The words of a case: texts, bytes and numbers as tests/vectors/calls/README.md writes them. */
#ifndef WORDS_HPP
#define WORDS_HPP

#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

using words = std::vector<std::string>;

inline words split(const std::string &line, char apart) {
    words out;
    std::istringstream stream(line);
    for (std::string word; std::getline(stream, word, apart);) out.push_back(word);
    return out;
}

inline std::string hex(const void *data, std::size_t size) {
    static const char digits[] = "0123456789abcdef";
    const unsigned char *bytes = static_cast<const unsigned char *>(data);
    std::string out;
    for (std::size_t i = 0; i < size; i++) {
        out += digits[bytes[i] >> 4];
        out += digits[bytes[i] & 15];
    }
    return out.empty() ? "-" : out;
}

template <class T>
std::string hex(const std::vector<T> &values) {
    return hex(values.data(), values.size() * sizeof(T));
}

inline char byte_of(const std::string &word, std::size_t at) { return static_cast<char>(std::stoi(word.substr(at, 2), nullptr, 16)); }

/* Bytes as values of a type, which are then aligned. */
template <class T>
std::vector<T> values(const std::string &word) {
    std::string bytes;
    for (std::size_t i = 0; word != "-" && i < word.size(); i += 2) bytes += byte_of(word, i);
    std::vector<T> out(bytes.size() / sizeof(T));
    if (!out.empty()) std::memcpy(out.data(), bytes.data(), out.size() * sizeof(T));
    return out;
}

/* A percent-encoded text. */
inline std::string plain(const std::string &word) {
    std::string out;
    for (std::size_t i = 0; word != "-" && i < word.size(); i++) {
        out += word[i] == '%' ? byte_of(word, i + 1) : word[i];
        if (word[i] == '%') i += 2;
    }
    return out;
}

inline std::string file(const std::string &path) {
    std::ifstream stream(path, std::ios::binary);
    if (!stream) throw std::runtime_error(path + ": cannot be read");
    return std::string(std::istreambuf_iterator<char>(stream), {});
}

/* 64 bytes of an event. */
struct slot {
    alignas(8) unsigned char bytes[64];
};

inline std::vector<slot> slots_of_file(const std::string &path) {
    const std::string bytes = file(path);
    std::vector<slot> out(bytes.size() / sizeof(slot));
    if (!out.empty()) std::memcpy(out.data(), bytes.data(), out.size() * sizeof(slot));
    return out;
}

#endif
