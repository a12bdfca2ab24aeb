// SPDX-License-Identifier: Apache-2.0
#include "agent/scenarios/unaccepted_memory/prefill.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "agent/files.h"
#include "agent/scenarios/meminfo.h"
#include "support/file.h"

namespace lk::agent::unaccepted_memory {
namespace {

// Reserved at a time, so that the trigger makes progress even where accepting or clearing memory takes long.
constexpr uint64_t kStep = 1 << 30;

struct Zone {
  uint64_t free = 0;
  uint64_t high = 0;
  uint64_t promo = 0;
  uint64_t unaccepted = 0;

  uint64_t AcceptedFree() const {
    const uint64_t kept = unaccepted + std::max(high, promo);
    return unaccepted > 0 && free > kept ? (free - kept) * kPage : 0;
  }
};

// Reads the number in a line that begins with `name` and a space. Returns false for other lines.
bool Take(std::string_view line, std::string_view name, uint64_t& value) {
  if (!line.starts_with(name) || !line.substr(name.size()).starts_with(' ')) return false;
  const size_t digits = line.find_first_of("0123456789", name.size());
  if (digits == line.npos) return false;
  return std::from_chars(line.data() + digits, line.data() + line.size(), value).ec == std::errc();
}

}  // namespace

uint64_t ParseAcceptedFree(std::string_view zoneinfo) {
  uint64_t total = 0;
  Zone zone;
  while (!zoneinfo.empty()) {
    std::string_view line = zoneinfo.substr(0, zoneinfo.find('\n'));
    zoneinfo.remove_prefix(std::min(zoneinfo.size(), line.size() + 1));
    if (line.starts_with("Node ")) {
      total += zone.AcceptedFree();
      zone = Zone();
    }
    line.remove_prefix(std::min(line.size(), line.find_first_not_of(' ')));
    // The line "high:" of a per-CPU page set does not match, because Take requires a space after the name.
    if (!Take(line, "pages free", zone.free) && !Take(line, "high", zone.high) && !Take(line, "promo", zone.promo)) {
      Take(line, "nr_unaccepted", zone.unaccepted);
    }
  }
  return total + zone.AcceptedFree();
}

Prefill::Prefill(Context& context, std::string huge_pages) : context_(context), huge_pages_(std::move(huge_pages)) {}

StatusOr<uint64_t> Prefill::Reserved() const {
  LK_ASSIGN_OR_RETURN(const std::string text, ReadFile(huge_pages_));
  uint64_t pages = 0;
  std::from_chars(text.data(), text.data() + text.size(), pages);
  return pages;
}

Status Prefill::Reserve(uint64_t left) {
  LK_ASSIGN_OR_RETURN(const std::string zoneinfo, ReadFile("/proc/zoneinfo"));
  const uint64_t unaccepted = Meminfo("Unaccepted").value_or(0);
  return Add(ParseAcceptedFree(zoneinfo) + (unaccepted > left ? unaccepted - left : 0));
}

Status Prefill::Add(uint64_t bytes) {
  LK_ASSIGN_OR_RETURN(uint64_t pages, Reserved());
  for (const uint64_t wanted = pages + bytes / kHugePage; pages < wanted && !context_.Over();) {
    const uint64_t next = std::min(wanted, pages + kStep / kHugePage);
    LK_RETURN_IF_ERROR(WriteFile(huge_pages_, fmt::format("{}", next)));
    context_.Progress();
    LK_ASSIGN_OR_RETURN(pages, Reserved());
    if (pages < next) break;
  }
  return absl::OkStatus();
}

Prefill::~Prefill() {
  (void)WriteFile(huge_pages_, "0");
}

}  // namespace lk::agent::unaccepted_memory
