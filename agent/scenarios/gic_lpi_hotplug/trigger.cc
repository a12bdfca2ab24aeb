// SPDX-License-Identifier: Apache-2.0
#include "agent/scenarios/trigger.h"

#include <absl/algorithm/container.h>
#include <absl/strings/numbers.h>
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "agent/scenarios/cpus.h"
#include "agent/scenarios/gic_lpi_hotplug/boot_cpus.h"
#include "agent/scenarios/gic_lpi_hotplug/churn.h"
#include "agent/scenarios/gic_lpi_hotplug/interrupts.h"
#include "agent/scenarios/gic_lpi_hotplug/lpi_tables.h"
#include "agent/scenarios/gic_lpi_hotplug/reserved_memory.h"
#include "agent/session/kmsg.h"
#include "support/file.h"

namespace lk::agent::gic_lpi_hotplug {
namespace {

// Generous for a kernel that boots in a few seconds. lkd scales it for emulation.
constexpr absl::Duration kKexecLimit = absl::Seconds(25);
constexpr size_t kLogPiece = 256 << 10;
// The state carried from boot to boot is limited in size. At least the rows of the previous boot are needed.
constexpr size_t kMaxRows = 512;

// The tables that this boot's kernel reports.
class Tables {
 public:
  Tables(Context& context, KmsgReader log) : context_(context), log_(std::move(log)) {}

  // Reads and judges what has been reported since the last call.
  void Update() {
    for (;;) {
      const KmsgPiece piece = log_.Read(kLogPiece);
      if (piece.records.empty()) return;
      lost_ += piece.lost;
      for (const KmsgRecord& record : piece.records) {
        PendingTable table;
        if (ParseTableLine(record.text, table)) Add(table);
      }
    }
  }
  // Judges that each CPU that is online has been given a table.
  void JudgeMissing() {
    if (lost_ > 0) {
      context_.SkipPart("whether each CPU has a table: parts of the kernel log were overwritten before they were read");
    } else {
      Count(Missing(OnlineCpus(), tables_));
    }
  }

  bool empty() const { return tables_.empty(); }
  // Number of tables that were allocated.
  uint64_t allocated() const {
    return static_cast<uint64_t>(std::ranges::count(tables_, false, &PendingTable::reserved));
  }

 private:
  void Add(const PendingTable& table) {
    const uint32_t boot = context_.boots();
    Count(Judge(boot, table, tables_, context_.RowsOf(kTableName)));
    if (HasTable(tables_, table.cpu)) return;
    context_.Count(table.reserved ? "tables_reserved" : "tables_allocated");
    context_.AddRow(kTableName, TableColumns(), ToRow(boot, table));
    tables_.push_back(table);
  }
  void Count(const std::vector<Fault>& faults) {
    for (const Fault& fault : faults) context_.CountFailure(fault.counter, fault.what);
  }

  Context& context_;
  KmsgReader log_;
  uint64_t lost_ = 0;
  std::vector<PendingTable> tables_;
};

// Returns by how much `now` exceeds `before`.
double Growth(uint64_t before, uint64_t now) {
  return static_cast<double>(now) - static_cast<double>(before);
}

}  // namespace

Result Run(Context& context) {
  const std::vector<int> cpus = HotpluggableCpus();
  if (cpus.empty()) return Result::Skip("no CPU except the first can be taken offline (CONFIG_HOTPLUG_CPU, PSCI)");
  auto log = KmsgReader::Open(KmsgReader::From::kOldest);
  if (!log.ok()) return Result::Error(MessageOf(log.status()));
  Tables tables(context, *std::move(log));
  tables.Update();
  if (tables.empty())
    return Result::Skip("no LPI pending table in the kernel log: no GICv3 with ITS, or no driver for it");
  const ReservedMemory memory = ReadReservedMemory();
  const uint64_t reserved = Size(memory.reserved);
  const uint64_t allocated = tables.allocated();
  context.SetCounter("reserved_bytes", static_cast<double>(reserved), "By");
  // The first boot was not started by kexec and reserves different memory.
  if (uint64_t expected = 0; context.boots() > 1 && absl::SimpleAtoi(context.carried(), &expected))
    context.RaiseCounter("reserved_growth_kexec", Growth(expected, reserved), "By");
  if (context.boots() > 0) {
    context.Count("kexec_cycles");
    context.NewRecorder("kexec").Record(context.reboot_took());
    context.Progress();
  }

  const uint64_t kexecs = context.Integer("kexecs");
  const uint64_t least = context.Integer("transitions");
  const double share = static_cast<double>(context.boots() + 1) / static_cast<double>(kexecs + 1);
  const absl::Duration until = share * (context.elapsed() + context.Left());
  const absl::Duration middle = (context.elapsed() + until) / 2;
  std::vector<int> online = OnlineCpus(), late;
  std::erase_if(online, [&](int cpu) { return !absl::c_linear_search(cpus, cpu); });
  std::ranges::set_difference(cpus, online, std::back_inserter(late));
  if (context.boots() == 0 && kexecs > 0 && context.Integer("bootCpus") > 0 && !late.empty()) late.pop_back();
  {
    Traffic traffic(context);
    if (traffic.disks() == 0) context.SkipPart("disk reads that cause interrupts: no virtio disk");
    const uint64_t interrupts = ItsInterrupts(ReadFile("/proc/interrupts").value_or(""));
    const auto churn = [&](uint64_t at_least, absl::Duration end) {
      return Churn(context, online, [&, at_least, end](uint64_t attempts) {
        tables.Update();
        return attempts >= at_least && context.elapsed() >= end;
      });
    };
    // As long as a CPU has never been online, the kernel wants to make the reservation each time that any CPU comes
    // online (rdist_memreserve_cpuhp_cleanup_workfn()).
    uint64_t attempts = late.empty() ? 0 : churn(least / 2, middle);
    const std::vector<int> came = BringUp(context, late);
    online.insert(online.end(), came.begin(), came.end());
    tables.Update();
    tables.JudgeMissing();
    attempts += late.size();
    churn(least - std::min(least, attempts), until);
    const uint64_t after = ItsInterrupts(ReadFile("/proc/interrupts").value_or(""));
    context.Count("its_interrupts", static_cast<double>(after) - static_cast<double>(interrupts));
  }
  tables.Update();
  // Only new tables may have been reserved.
  const uint64_t expected = reserved + (tables.allocated() - allocated) * kTableSize;
  const ReservedMemory now = ReadReservedMemory();
  context.RaiseCounter("reserved_growth_churn", Growth(expected, Size(now.reserved)), "By");
  for (const Range& range : Misplaced(memory, now)) {
    context.CountFailure("tables_at_zero", ToString({range}) + " was reserved, which cannot be a table");
  }
  context.KeepLastRows(kTableName, std::max(kMaxRows, PresentCpus().size()));

  if (context.boots() >= kexecs) return Result::Ok();
  if (context.Over()) {
    return Result::Error(fmt::format("time was up after {} of {} kexec cycles", context.boots(), kexecs));
  }
  const auto command_line = ReadFile("/proc/cmdline");
  if (!command_line.ok()) return Result::Error(MessageOf(command_line.status()));
  std::optional<Unrest> unrest;
  if (context.Bool("kexecDuringHotplug")) unrest.emplace(online);
  context.Activity(fmt::format("kexec {} of {}", context.boots() + 1, kexecs));
  const Status status = context.Reboot("kexec", std::to_string(expected), kKexecLimit, kKernelPath,
                                       WithBootCpus(*command_line, context.Integer("bootCpus")));
  if (absl::IsFailedPrecondition(status)) return Result::Skip(MessageOf(status));
  return Result::Error("kexec: " + MessageOf(status));
}

}  // namespace lk::agent::gic_lpi_hotplug
