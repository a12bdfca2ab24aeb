// SPDX-License-Identifier: Apache-2.0
#include "server/campaign/release_number.h"

#include <algorithm>
#include <cctype>

namespace lk::campaign {
namespace {

// Removes the number at the beginning and returns it, limited to `most`; returns 0 if there is none.
uint64_t TakeNumber(std::string_view& rest, uint64_t most) {
  uint64_t number = 0;
  while (!rest.empty() && std::isdigit(static_cast<unsigned char>(rest.front())) != 0) {
    number = std::min(number * 10 + static_cast<uint64_t>(rest.front() - '0'), most);
    rest.remove_prefix(1);
  }
  return number;
}

bool TakeText(std::string_view& rest, std::string_view text) {
  if (!rest.starts_with(text)) return false;
  rest.remove_prefix(text.size());
  return true;
}

}  // namespace

uint64_t ReleaseNumber(std::string_view release) {
  constexpr uint64_t kMaxVersion = 89;  // with a higher one, the result could exceed 2^53
  constexpr uint64_t kFinal = 99;       // a final release sorts after its candidates
  uint64_t number = TakeNumber(release, kMaxVersion);
  for (int i = 0; i < 2; ++i) number = number * 1000 + (TakeText(release, ".") ? TakeNumber(release, 999) : 0);
  number = number * 100 + (TakeText(release, "-rc") ? TakeNumber(release, kFinal - 1) : kFinal);
  const bool more = TakeText(release, "-") || TakeText(release, "+deb") || TakeText(release, ".");
  number = number * 1'000'000 + (more ? TakeNumber(release, 999'999) : 0);
  return std::max<uint64_t>(number, 1);
}

}  // namespace lk::campaign
