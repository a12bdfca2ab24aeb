// SPDX-License-Identifier: Apache-2.0
#include "support/quantity.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace lk {
namespace {

struct Unit {
  std::string_view name;
  double factor;
};

constexpr std::array<Unit, 5> kByteUnits = {
    {{"B", 1}, {"KiB", 0x1p10}, {"MiB", 0x1p20}, {"GiB", 0x1p30}, {"TiB", 0x1p40}}};
constexpr std::array<Unit, 7> kTimeUnits = {
    {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"min", 60e9}, {"m", 60e9}, {"h", 3600e9}}};

// Parses a number with a unit; returns the number multiplied by the factor of the unit.
template <size_t N>
StatusOr<double> Parse(std::string_view text, const std::array<Unit, N>& units, std::string_view what,
                       std::string_view example) {
  const auto error = [&](std::string_view why) {
    return absl::InvalidArgumentError(
        fmt::format("invalid {} \"{}\": {} (expected a value such as {})", what, text, why, example));
  };
  const size_t unit_start = text.find_first_not_of("0123456789.");
  if (unit_start == 0 || text.empty()) return error("no number");
  double number = 0;
  const std::string_view digits = text.substr(0, unit_start);
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (parsed.ec != std::errc() || parsed.ptr != digits.data() + digits.size()) return error("malformed number");
  if (unit_start == std::string_view::npos) return error("the unit is missing");
  for (const Unit& unit : units) {
    if (text.substr(unit_start) == unit.name) return number * unit.factor;
  }
  return error(fmt::format("unknown unit \"{}\"", text.substr(unit_start)));
}

}  // namespace

StatusOr<uint64_t> ParseBytes(std::string_view text) {
  auto value = Parse(text, kByteUnits, "size", "512MiB or 2GiB");
  if (!value.ok()) return value.status();
  if (*value >= 0x1p63)
    return absl::InvalidArgumentError(fmt::format("size \"{}\" is too large (expected less than 2^63 bytes)", text));
  if (*value != std::floor(*value))
    return absl::InvalidArgumentError(fmt::format("size \"{}\" is not a whole number of bytes", text));
  return static_cast<uint64_t>(*value);
}

std::string FormatBytes(uint64_t bytes) {
  for (size_t i = kByteUnits.size() - 1; i > 0; --i) {
    const auto factor = static_cast<uint64_t>(kByteUnits[i].factor);
    if (bytes < factor) continue;
    if (bytes % factor == 0) return fmt::format("{}{}", bytes / factor, kByteUnits[i].name);
    return fmt::format("{:.2f}{}", static_cast<double>(bytes) / kByteUnits[i].factor, kByteUnits[i].name);
  }
  return fmt::format("{}B", bytes);
}

StatusOr<absl::Duration> ParseDuration(std::string_view text) {
  auto value = Parse(text, kTimeUnits, "duration", "500us, 30s or 2min");
  if (!value.ok()) return value.status();
  if (*value >= 9.2e18) return absl::InvalidArgumentError(fmt::format("duration \"{}\" is too long", text));
  return absl::Nanoseconds(static_cast<int64_t>(std::llround(*value)));
}

std::string FormatDuration(absl::Duration duration) {
  const double ns = absl::ToDoubleNanoseconds(duration);
  if (ns == 0) return "0s";
  constexpr std::array<Unit, 4> kShown = {{{"s", 1e9}, {"ms", 1e6}, {"us", 1e3}, {"ns", 1}}};
  const auto* unit =
      std::find_if(kShown.begin(), kShown.end() - 1, [&](const Unit& u) { return std::abs(ns) >= u.factor; });
  const double value = ns / unit->factor;
  const int decimals = std::abs(value) >= 100 ? 0 : std::abs(value) >= 10 ? 1 : 2;
  return fmt::format("{:.{}f}{}", value, decimals, unit->name);
}

}  // namespace lk
