// SPDX-License-Identifier: Apache-2.0
// How to find literals in the lines of containers, in which they may look different or be split.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lk::detect {

// Literals to search for in addition: one of them is in a line if its text (Unwrapped::text) contains a given literal
// that is not in the line itself, because it is encoded, or if the text may be a part of a split line.
std::vector<std::string> Hints(const std::vector<std::string>& literals);

// Finds out whether a terminal's escape sequence or a blank that is encoded in another way may be inside a literal.
class Seams {
 public:
  // The bytes that they begin with.
  static constexpr std::string_view kBytes = "\x1b\xc2";

  explicit Seams(const std::vector<std::string>& literals);
  // `at`: where one of these bytes is.
  bool Splits(std::string_view bytes, size_t at) const;

 private:
  // Hashes of the parts of literals that may be seen around a seam.
  static constexpr size_t kBits = 18;
  static size_t Hash(uint8_t a, uint8_t b, uint8_t c, uint8_t d);
  bool Has(char a, char b, char c, char d) const;

  std::vector<bool> parts_ = std::vector<bool>(size_t{1} << kBits);
};

}  // namespace lk::detect
