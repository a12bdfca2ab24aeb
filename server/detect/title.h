// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace lk::detect {

inline constexpr size_t kMaxTitle = 120;

// Replaces all bytes except printable ASCII, newline and tab with '?', so that the text is safe to print on a terminal
// and is valid UTF-8, as protobuf requires.
std::string Printable(std::string_view text);
void MakePrintable(std::string& text);

// Removes the offsets after function names, and replaces addresses with ADDR and other numbers with NUM, so that
// the same problem always has the same text. The result is printable.
std::string Normalise(std::string_view text);

// The name of a function without compiler suffixes (.isra.0, .cold ...).
std::string_view WithoutSuffix(std::string_view function);

// The name of a function as people search for it: without compiler suffixes, and the same on all architectures for a
// system call (sys_write for __x64_sys_write, ksys_write and __do_sys_write).
std::string PlainFunction(std::string_view function);

struct TitleParts {
  std::string_view function;
  std::string_view text;
  std::string_view access;
};
// Replaces {f}, {text} and {access} in a title pattern, and truncates the result to kMaxTitle bytes.
std::string MakeTitle(std::string_view pattern, const TitleParts& parts);

}  // namespace lk::detect
