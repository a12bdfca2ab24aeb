// SPDX-License-Identifier: Apache-2.0
#include "agent/witness/guest_figures.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>
#include <utility>

#include "lk/v1/latency.pb.h"
#include "support/file.h"

namespace lk::agent {
namespace {

// Splits a line into words. After the last one, Next returns an empty word.
class LineWords {
 public:
  explicit LineWords(std::string_view line) : rest_(line) {}
  std::string_view Next() {
    rest_.remove_prefix(std::min(rest_.size(), rest_.find_first_not_of(' ')));
    const std::string_view word = rest_.substr(0, rest_.find(' '));
    rest_.remove_prefix(word.size());
    return word;
  }
  std::optional<double> NextNumber() {
    const std::string_view word = Next();
    uint64_t value = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (error != std::errc() || end != word.data() + word.size()) return {};
    return static_cast<double>(value);
  }

 private:
  std::string_view rest_;
};

using Parse = std::optional<double> (*)(std::string_view line, std::string_view key);

// A line that consists of a number.
std::optional<double> Number(std::string_view line, std::string_view) {
  return LineWords(line).NextNumber();
}
// "pgfault 1234"
std::optional<double> Named(std::string_view line, std::string_view key) {
  LineWords words(line);
  if (words.Next() != key) return {};
  return words.NextNumber();
}
// "CAL:   1234   5678   Function call interrupts": one number per CPU.
std::optional<double> OfAllCpus(std::string_view line, std::string_view key) {
  LineWords words(line);
  if (words.Next() != key) return {};
  double sum = 0;
  while (const auto number = words.NextNumber()) sum += *number;
  return sum;
}
// " 254  0 vda READS merged sectors ms WRITES ...": completed requests of disks whose names begin with `key`.
std::optional<double> Requests(std::string_view line, std::string_view key) {
  LineWords words(line);
  words.Next();
  words.Next();
  if (!words.Next().starts_with(key)) return {};
  std::optional<double> numbers[5];
  for (auto& number : numbers) number = words.NextNumber();
  return numbers[0].value_or(0) + numbers[4].value_or(0);
}
// Returns 1 for a directory entry "<key><number>".
std::optional<double> One(std::string_view line, std::string_view key) {
  return line.starts_with(key) && line.find_first_of("0123456789") == key.size() ? std::optional(1.0) : std::nullopt;
}

// Returns the names in a directory, one per line.
std::string Entries(const std::string& folder) {
  std::string lines;
  std::error_code error;
  for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    lines += it->path().filename().string() + '\n';
  }
  return lines;
}

// Returns the sum of the values in all lines. Empty if no line has a value.
std::optional<double> Figure(std::string_view text, Parse parse, std::string_view key) {
  std::optional<double> sum;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (const auto value = parse(line, key)) sum = sum.value_or(0) + *value;
  }
  return sum;
}

}  // namespace

struct GuestFigures::Row {
  const char* name;
  const char* unit;
  const char* path;  // directories end with a slash
  Parse parse;       // parses one line; the values of all lines are added up
  const char* key;
  double factor = 1;
};

// proc_vmstat(5), proc_interrupts(5), Documentation/admin-guide/iostats.rst,
// Documentation/ABI/testing/sysfs-kernel-uevents, Documentation/admin-guide/mm/memory-hotplug.rst.
constexpr GuestFigures::Row GuestFigures::kRows[] = {
    {"guest_page_faults", "1", "/proc/vmstat", Named, "pgfault"},
    {"guest_accepted", "By", "/proc/vmstat", Named, "nr_unaccepted", -4096},
    {"guest_function_calls", "1", "/proc/interrupts", OfAllCpus, "CAL:"},
    {"guest_tlb_shootdowns", "1", "/proc/interrupts", OfAllCpus, "TLB:"},
    {"guest_disk_requests", "1", "/proc/diskstats", Requests, "vd"},
    {"guest_uevents", "1", "/sys/kernel/uevent_seqnum", Number, ""},
    {"guest_memory_blocks", "1", "/sys/devices/system/memory/", One, "memory"},
};

GuestFigures::GuestFigures(std::string root) : root_(std::move(root)) {
  for (const Row& row : kRows) {
    if (const auto value = Read(row)) noted_.push_back({&row, *value});
  }
}

std::optional<double> GuestFigures::Read(const Row& row) const {
  const std::string path = root_ + row.path;
  const StatusOr<std::string> text = path.ends_with('/') ? Entries(path) : ReadFile(path);
  return text.ok() ? Figure(*text, row.parse, row.key) : std::nullopt;
}

std::vector<v1::Counter> GuestFigures::Risen() const {
  std::vector<v1::Counter> counters;
  for (const auto& [row, before] : noted_) {
    const auto now = Read(*row);
    if (!now) continue;
    v1::Counter& counter = counters.emplace_back();
    counter.set_name(row->name);
    counter.set_unit(row->unit);
    counter.set_value((*now - before) * row->factor);
  }
  return counters;
}

}  // namespace lk::agent
