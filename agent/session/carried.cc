// SPDX-License-Identifier: Apache-2.0
#include "agent/session/carried.h"

#include <fmt/format.h>

#include <cstdint>
#include <cstring>

#include "lk/v1/agent.pb.h"

namespace lk::agent {
namespace {

constexpr size_t kSize = 256 << 10;

}  // namespace

StatusOr<std::string> EncodeCarried(const v1::Carried& carried) {
  const std::string bytes = carried.SerializeAsString();
  const auto length = static_cast<uint32_t>(bytes.size());
  if (bytes.size() > kSize - sizeof length) {
    return absl::ResourceExhaustedError(
        fmt::format("state for the next boot is too large: {} bytes (limit {})", bytes.size(), kSize));
  }
  std::string content(kSize, '\0');
  std::memcpy(content.data(), &length, sizeof length);
  bytes.copy(content.data() + sizeof length, bytes.size());
  return content;
}

StatusOr<v1::Carried> DecodeCarried(std::string_view content) {
  uint32_t length = 0;
  v1::Carried carried;
  if (content.size() >= sizeof length) std::memcpy(&length, content.data(), sizeof length);
  if (content.size() != kSize || length > kSize - sizeof length ||
      !carried.ParseFromArray(content.data() + sizeof length, static_cast<int>(length))) {
    return absl::DataLossError(fmt::format("{} is corrupt", kCarriedPath));
  }
  return carried;
}

}  // namespace lk::agent
