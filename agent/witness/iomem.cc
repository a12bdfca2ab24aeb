// SPDX-License-Identifier: Apache-2.0
#include "agent/witness/iomem.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace lk::agent {

Ranges Normalise(Ranges ranges) {
  std::erase_if(ranges, [](const Range& range) { return range.start >= range.end; });
  std::sort(ranges.begin(), ranges.end(), [](const Range& a, const Range& b) { return a.start < b.start; });
  Ranges merged;
  for (const Range& range : ranges) {
    if (!merged.empty() && range.start <= merged.back().end) {
      merged.back().end = std::max(merged.back().end, range.end);
    } else {
      merged.push_back(range);
    }
  }
  return merged;
}

Ranges Subtract(const Ranges& ranges, const Ranges& holes) {
  Ranges left = ranges;
  for (const Range& hole : holes) {
    Ranges cut;
    for (const Range& range : left) {
      cut.push_back({range.start, std::min(range.end, hole.start)});
      cut.push_back({std::max(range.start, hole.end), range.end});
    }
    left = Normalise(std::move(cut));
  }
  return left;
}

std::string ToString(const Ranges& ranges) {
  std::string text;
  for (const Range& range : ranges) {
    text += fmt::format("{}{:#x}-{:#x}", text.empty() ? "" : " ", range.start, range.end - 1);
  }
  return text;
}

Ranges ParseIomem(std::string_view text, std::string_view name) {
  Ranges ranges;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    line.remove_prefix(std::min(line.size(), line.find_first_not_of(' ')));
    // "00100000-7ffdffff : System RAM"; the end is inclusive.
    const char* const stop = line.data() + line.size();
    uint64_t first = 0, last = 0;
    const auto start = std::from_chars(line.data(), stop, first, 16);
    if (start.ec != std::errc() || start.ptr == stop || *start.ptr != '-') continue;
    const auto end = std::from_chars(start.ptr + 1, stop, last, 16);
    if (end.ec != std::errc()) continue;
    const std::string_view rest(end.ptr, static_cast<size_t>(stop - end.ptr));
    if (rest.starts_with(" : ") && rest.substr(3).starts_with(name)) ranges.push_back({first, last + 1});
  }
  return Normalise(std::move(ranges));
}

uint64_t Size(const Ranges& ranges) {
  uint64_t bytes = 0;
  for (const Range& range : ranges) bytes += range.end - range.start;
  return bytes;
}

}  // namespace lk::agent
