// SPDX-License-Identifier: Apache-2.0
#include "support/random.h"

#include <fmt/format.h>
#include <sys/random.h>

#include <cstdlib>
#include <iterator>

namespace lk {

std::string RandomHex(size_t bytes) {
  std::string raw(bytes, '\0');
  // For requests of up to 256 bytes, getrandom(2) is never interrupted and never returns fewer bytes.
  if (bytes > 256 || getrandom(raw.data(), bytes, 0) != static_cast<ssize_t>(bytes)) std::abort();
  return ToHex(raw);
}

std::string ToHex(std::string_view bytes) {
  std::string hex;
  for (const char byte : bytes) fmt::format_to(std::back_inserter(hex), "{:02x}", static_cast<uint8_t>(byte));
  return hex;
}

}  // namespace lk
