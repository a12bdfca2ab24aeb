// SPDX-License-Identifier: Apache-2.0
// Writes the log of a console as others would have it: in a journal, in a mail, in the log of a CI system and so on.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lk::detect {

// A line of a console, in parts.
struct CarriedLine {
  uint64_t number = 0;
  int64_t micros = 0;
  std::string_view raw;
  std::string_view text;    // without the kernel's prefixes
  std::string_view caller;  // "T123", "C1"
  bool kernel = false;      // otherwise a program's
  bool timed = false;       // has a timestamp
};

struct Carrier {
  std::string_view name;  // as Unwrapper::name
  std::string_view variant;
  // Appends what the container makes of a line.
  void (*carry)(const CarriedLine& line, std::string& out);
  bool callers = true;   // false if the container has no room for them
  bool records = false;  // it has the kernel's records, not what a console printed
  std::string_view head = {};
};

std::span<const Carrier> Carriers();

// The parts of a console log. Lines without a prefix are a program's if others have one.
std::vector<CarriedLine> Split(std::string_view log);
std::string Carry(const Carrier& carrier, std::span<const CarriedLine> lines);

}  // namespace lk::detect
