// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace lk::detect {

// Parses a line from left to right. The Skip and Take functions advance only if they match.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) {}

  std::string_view rest() const { return text_; }
  bool empty() const { return text_.empty(); }
  char peek() const { return text_.empty() ? '\0' : text_.front(); }

  // Inlined, since comparing with a constant then takes an instruction or two.
  [[gnu::always_inline]] bool Skip(std::string_view literal) {
    if (text_.size() < literal.size() || std::memcmp(text_.data(), literal.data(), literal.size()) != 0) return false;
    text_.remove_prefix(literal.size());
    return true;
  }
  [[gnu::always_inline]] bool Skip(char c) {
    if (text_.empty() || text_.front() != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  // Takes the longest prefix whose characters all satisfy `is`; it may be empty.
  template <typename Is>
  [[gnu::always_inline]] std::string_view TakeWhile(Is is) {
    size_t size = 0;
    while (size < text_.size() && is(text_[size])) ++size;
    const std::string_view taken = text_.substr(0, size);
    text_.remove_prefix(size);
    return taken;
  }
  [[gnu::always_inline]] void SkipBlanks() {
    TakeWhile([](char c) { return c == ' ' || c == '\t'; });
  }
  std::string_view TakeDigits() { return TakeWhile(IsDigit); }
  // Accepts neither a sign nor a prefix such as 0x. Returns false if there is no number or it is out of range.
  template <typename Number>
  bool Take(Number& number, int base = 10) {
    if (text_.empty() || text_.front() == '-') return false;
    const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), number, base);
    if (error != std::errc()) return false;
    text_.remove_prefix(static_cast<size_t>(end - text_.data()));
    return true;
  }
  // As Take with base 16, but without capital letters; for what is read often.
  [[gnu::always_inline]] bool TakeHex(uint32_t& number) {
    uint32_t value = 0;
    const size_t digits = TakeWhile([&value](char c) {
                            if (!IsHex(c)) return false;
                            value = value << 4 | static_cast<uint32_t>(c <= '9' ? c - '0' : c - 'a' + 10);
                            return true;
                          }).size();
    number = value;
    return digits > 0 && digits <= 2 * sizeof number;
  }
  // Takes the text before `end`, and skips `end`. Returns false and takes nothing if `end` is missing.
  bool TakeUntil(std::string_view end, std::string_view& before) {
    const size_t at = text_.find(end);
    if (at == std::string_view::npos) return false;
    before = text_.substr(0, at);
    text_.remove_prefix(at + end.size());
    return true;
  }

 private:
  static constexpr uint8_t kHex = 1;
  static constexpr uint8_t kWord = 2;
  static constexpr uint8_t kSymbol = 4;

  static constexpr std::array<uint8_t, 256> kClasses = [] {
    std::array<uint8_t, 256> classes{};
    for (const char c : std::string_view("0123456789abcdef")) classes[static_cast<uint8_t>(c)] |= kHex;
    for (char c = '0'; c <= '9'; ++c) classes[static_cast<uint8_t>(c)] |= kWord | kSymbol;
    for (char c = 'a'; c <= 'z'; ++c) classes[static_cast<uint8_t>(c)] |= kWord | kSymbol;
    for (char c = 'A'; c <= 'Z'; ++c) classes[static_cast<uint8_t>(c)] |= kWord | kSymbol;
    classes['_'] = kWord | kSymbol;
    classes['.'] = classes['$'] = kSymbol;
    return classes;
  }();
  static uint8_t Of(char c) { return kClasses[static_cast<uint8_t>(c)]; }

 public:
  // Objects and not functions, so that TakeWhile can inline them.
  static constexpr auto IsDigit = [](char c) { return c >= '0' && c <= '9'; };
  static constexpr auto IsHex = [](char c) { return (Of(c) & kHex) != 0; };
  // Letters, digits, '_'.
  static constexpr auto IsWord = [](char c) { return (Of(c) & kWord) != 0; };
  // Characters of symbol names, including those in compiler suffixes (.isra.0).
  static constexpr auto IsSymbol = [](char c) { return (Of(c) & kSymbol) != 0; };

 private:
  std::string_view text_;
};

}  // namespace lk::detect
