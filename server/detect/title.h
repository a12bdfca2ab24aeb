// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace lk::detect {

inline constexpr size_t kMaxTitle = 120;

// Bytes that are neither printable ASCII nor newline or tab become '?': fit for a terminal, and for protobuf's UTF-8.
std::string Printable(std::string_view text);
void MakePrintable(std::string& text);

// Offsets behind functions go, addresses become ADDR, other numbers NUM, so that the same problem has the same words.
// Printable.
std::string Normalise(std::string_view text);

// A function's name without what the compiler appended (.isra.0, .cold ...).
std::string_view WithoutSuffix(std::string_view function);

// The name of a function as people search for it: without the compiler's suffixes, and a system call's by its
// own name on every architecture (__x64_sys_write, ksys_write, __do_sys_write: sys_write).
std::string PlainFunction(std::string_view function);

// Replaces every "{key}" of a title, and cuts at kMaxTitle bytes.
struct TitleParts {
  std::string_view function;
  std::string_view text;
  std::string_view access;
};
std::string MakeTitle(std::string_view pattern, const TitleParts& parts);

}  // namespace lk::detect
