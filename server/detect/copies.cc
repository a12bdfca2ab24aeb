// SPDX-License-Identifier: Apache-2.0
#include "server/detect/copies.h"

#include <algorithm>
#include <functional>
#include <string_view>

namespace lk::detect {

Copies::Header Copies::HeaderOf(const KernelLine& line) {
  if (line.micros <= 0) return 0;
  constexpr uint64_t kOdd = 0x9e3779b97f4a7c15;
  return std::max<uint64_t>(1, std::hash<std::string_view>()(line.text) ^ (static_cast<uint64_t>(line.micros) * kOdd));
}

bool Copies::Add(const KernelLine& line) {
  const Header header = HeaderOf(line);
  if (header == 0) return false;
  const bool went_back = last_ < latest_ || line.micros < latest_;
  Pass(line.micros);
  if (headers_.size() == kMaxHeaders) return went_back && headers_.contains(header);
  return !headers_.insert(header).second && went_back;
}

void Copies::Pass(int64_t micros) {
  if (micros <= 0) return;
  last_ = micros;
  latest_ = std::max(latest_, micros);
}

void Copies::Forget(Header header) {
  headers_.erase(header);
}

}  // namespace lk::detect
