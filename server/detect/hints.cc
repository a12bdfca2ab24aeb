// SPDX-License-Identifier: Apache-2.0
#include "server/detect/hints.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "server/detect/contained_lines.h"
#include "server/detect/container.h"

namespace lk::detect {
namespace {

// Stands for the end of a literal.
constexpr char kEdge = '\0';

// With each of these characters replaced.
std::string Replaced(std::string_view literal, std::string_view characters, std::string (*how)(char)) {
  std::string out;
  for (const char c : literal) out += characters.find(c) == std::string_view::npos ? std::string(1, c) : how(c);
  return out;
}

std::string Bytes(std::string_view text, std::string_view separator) {
  std::string out;
  for (const char c : text)
    fmt::format_to(std::back_inserter(out), "{}{}", out.empty() ? "" : separator, static_cast<uint8_t>(c));
  return out;
}

}  // namespace

std::vector<std::string> Hints(const std::vector<std::string>& literals) {
  std::vector<std::string> hints;
  for (const std::string& literal : literals) {
    const auto add = [&](std::string hint) {
      if (hint != literal) hints.push_back(std::move(hint));
    };
    // JSON, as most encoders write it, as those do that think of HTML, and as PHP does; YAML.
    const std::string json =
        Replaced(literal, "\"\\\t", [](char c) { return c == '\t' ? "\\t" : std::string("\\") + c; });
    add(json);
    add(Replaced(json, "<>&'", [](char c) { return fmt::format("\\u{:04x}", c); }));
    add(Replaced(json, "<>&'", [](char c) { return fmt::format("\\u{:04X}", c); }));
    add(Replaced(json, "/", [](char) { return std::string("\\/"); }));
    add(Replaced(literal, "'", [](char) { return std::string("''"); }));
    // Byte numbers. The first ones are enough.
    constexpr size_t kBytes = 8;
    add(Bytes(std::string_view(literal).substr(0, kBytes), ","));
    add(Bytes(std::string_view(literal).substr(0, kBytes), ", "));
    // The tag of logcat.
    constexpr size_t kTag = 8;
    if (const size_t colon = literal.find(": "); colon < kTag && literal.find(' ') > colon) {
      add(literal.substr(0, colon) + std::string(kTag - colon, ' ') + literal.substr(colon));
    }
  }
  for (const std::string_view hint : Unwrapper::Hints()) hints.emplace_back(hint);
  for (const std::string_view reason : ContainedLines::kDumpReasons) hints.emplace_back(reason);
  std::ranges::sort(hints);
  hints.erase(std::unique(hints.begin(), hints.end()), hints.end());
  return hints;
}

Seams::Seams(const std::vector<std::string>& literals) {
  const auto add = [this](char a, char b, char c, char d) {
    parts_[Hash(static_cast<uint8_t>(a), static_cast<uint8_t>(b), static_cast<uint8_t>(c), static_cast<uint8_t>(d))] =
        true;
  };
  for (const std::string& literal : literals) {
    const size_t size = literal.size();
    const auto at = [&](size_t i) { return i < size ? literal[i] : kEdge; };
    // Two characters on each side of a seam, fewer at the ends of the literal.
    for (size_t i = 0; i + 3 < size; ++i) add(at(i), at(i + 1), at(i + 2), at(i + 3));
    add(kEdge, at(0), at(1), at(2));
    if (size >= 3) add(at(size - 3), at(size - 2), at(size - 1), kEdge);
    if (size == 2) add(kEdge, at(0), at(1), kEdge);
  }
}

size_t Seams::Hash(uint8_t a, uint8_t b, uint8_t c, uint8_t d) {
  const uint32_t all = uint32_t{a} << 24 | uint32_t{b} << 16 | uint32_t{c} << 8 | d;
  return all * 2654435761U >> (32 - kBits);
}

bool Seams::Has(char a, char b, char c, char d) const {
  return parts_[Hash(static_cast<uint8_t>(a), static_cast<uint8_t>(b), static_cast<uint8_t>(c),
                     static_cast<uint8_t>(d))];
}

bool Seams::Splits(std::string_view bytes, size_t at) const {
  constexpr size_t kMaxEscape = 24;
  constexpr std::string_view kBlank = "\xc2\xa0";
  const auto is_special = [](char c) { return c == '\x1b' || c == '\xc2' || c == '&' || c == '\r'; };
  if (at < 2 || at + kMaxEscape > bytes.size()) return true;  // too near to the end
  const bool blank = bytes[at] == kBlank[0];
  if (blank && bytes[at + 1] != kBlank[1]) return false;
  size_t after = at + (blank ? kBlank.size() : Unwrapper::EscapeSize(bytes.substr(at, kMaxEscape)));
  while (!blank && after + kMaxEscape <= bytes.size() && bytes[after] == '\x1b') {
    after += Unwrapper::EscapeSize(bytes.substr(after, kMaxEscape));
  }
  if (after + kMaxEscape > bytes.size() || after >= at + kMaxEscape) return true;
  const char b1 = bytes[at - 2];
  const char b2 = bytes[at - 1];
  const char a1 = bytes[after];
  const char a2 = bytes[after + 1];
  // At an end of the line there is nothing to split.
  if (b2 == '\n' || a1 == '\n' || (a1 == '\r' && a2 == '\n')) return false;
  if (is_special(a1) || is_special(a2) || is_special(b2) || is_special(b1)) return true;
  // A list of byte numbers.
  const auto is_number = [](char c) { return (c >= '0' && c <= '9') || c == ','; };
  if ((is_number(b2) || (b1 == ',' && b2 == ' ')) && (is_number(a1) || (a1 == ' ' && is_number(a2)))) return true;
  if (!blank) return Has(b1, b2, a1, a2) || Has(kEdge, b2, a1, a2) || Has(b1, b2, a1, kEdge);
  return Has(b1, b2, ' ', a1) || Has(b2, ' ', a1, a2) || Has(kEdge, ' ', a1, a2) || Has(kEdge, b2, ' ', a1) ||
         Has(b1, b2, ' ', kEdge) || Has(b2, ' ', a1, kEdge);
}

}  // namespace lk::detect
