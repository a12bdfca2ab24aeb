// SPDX-License-Identifier: Apache-2.0
#include "agent/scenarios/trigger.h"

#include <absl/strings/numbers.h>
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "agent/scenarios/gic_lpi_hotplug/churn.h"
#include "agent/scenarios/gic_lpi_hotplug/interrupts.h"
#include "agent/scenarios/gic_lpi_hotplug/lpi_tables.h"
#include "agent/session/kmsg.h"
#include "agent/witness/iomem.h"
#include "support/file.h"

namespace lk::agent::gic_lpi_hotplug {
namespace {

// Generous for a kernel that boots in a few seconds. lkd scales it for emulation.
constexpr absl::Duration kKexecLimit = absl::Seconds(25);
constexpr size_t kLogPiece = 256 << 10;

// Returns the tables reported in this boot's kernel log so far.
StatusOr<std::vector<PendingTable>> ReadTables() {
  LK_ASSIGN_OR_RETURN(KmsgReader log, KmsgReader::Open(KmsgReader::From::kOldest));
  std::vector<PendingTable> tables;
  for (;;) {
    const KmsgPiece piece = log.Read(kLogPiece);
    if (piece.records.empty()) return tables;
    for (const KmsgRecord& record : piece.records) {
      PendingTable table;
      if (ParseTableLine(record.text, table)) tables.push_back(table);
    }
  }
}

// Returns the total size of the regions marked reserved in /proc/iomem.
uint64_t ReservedBytes() {
  const auto iomem = ReadFile("/proc/iomem");
  return iomem.ok() ? Size(ParseIomem(*iomem, "reserved")) : 0;
}

void ReportTables(Context& context, const std::vector<PendingTable>& tables) {
  const Faults faults = Judge(context.boots(), PresentCpus(), tables, context.RowsOf(kTableName));
  for (const PendingTable& table : tables) {
    context.AddRow(kTableName, TableColumns(), ToRow(context.boots(), table));
    context.Count(table.reserved ? "tables_reserved" : "tables_allocated");
  }
  const std::pair<const char*, uint32_t> counts[] = {{"tables_missing", faults.missing},
                                                     {"tables_said_again", faults.duplicate},
                                                     {"tables_not_reserved", faults.not_reserved},
                                                     {"tables_moved", faults.moved},
                                                     {"tables_at_zero", faults.at_zero}};
  for (const auto& [name, count] : counts) context.Count(name, count);
}

// Compares reserved memory with the previous boot. Excludes the run's first boot, which was not started by kexec and
// reserves different memory.
void ReportReserved(Context& context, uint64_t reserved) {
  context.SetCounter("reserved_bytes", static_cast<double>(reserved), "By");
  uint64_t before = 0;
  if (context.boots() < 2 || !absl::SimpleAtoi(context.carried(), &before)) return;
  const double growth = static_cast<double>(reserved) - static_cast<double>(before);
  context.RaiseCounter("reserved_growth_kexec", growth, "By");
}

}  // namespace

Result Run(Context& context) {
  const std::vector<int> cpus = SecondaryCpus();
  if (cpus.empty()) return Result::Skip("no CPU except the first can be taken offline (CONFIG_HOTPLUG_CPU, PSCI)");
  const auto tables = ReadTables();
  if (!tables.ok()) return Result::Error(MessageOf(tables.status()));
  if (tables->empty())
    return Result::Skip("no LPI pending table in the kernel log: no GICv3 with ITS, or no driver for it");
  ReportTables(context, *tables);
  const uint64_t reserved = ReservedBytes();
  ReportReserved(context, reserved);
  if (context.boots() > 0) {
    context.Count("kexec_cycles");
    context.NewRecorder("kexec").Record(context.reboot_took());
    context.Progress();
  }

  const uint64_t kexecs = context.Integer("kexecs");
  const uint64_t least = context.Integer("transitions");
  const double share = static_cast<double>(context.boots() + 1) / static_cast<double>(kexecs + 1);
  const absl::Duration until = share * (context.elapsed() + context.Left());
  {
    Traffic traffic(context);
    if (traffic.disks() == 0) context.SkipPart("disk reads that cause interrupts: no virtio disk");
    const uint64_t interrupts = ItsInterrupts(ReadFile("/proc/interrupts").value_or(""));
    Churn(context, cpus, [&](uint64_t transitions) { return transitions >= least && context.elapsed() >= until; });
    const uint64_t after = ItsInterrupts(ReadFile("/proc/interrupts").value_or(""));
    context.Count("its_interrupts", static_cast<double>(after) - static_cast<double>(interrupts));
  }
  // A CPU that comes back online already has its table, so reserved memory must not have grown.
  context.RaiseCounter("reserved_growth_churn", static_cast<double>(ReservedBytes()) - static_cast<double>(reserved),
                       "By");
  if (const auto now = ReadTables(); now.ok() && now->size() > tables->size()) {
    context.Count("tables_said_again", static_cast<double>(now->size() - tables->size()));
  }

  if (context.boots() >= kexecs) return Result::Ok();
  if (context.Over()) {
    return Result::Error(fmt::format("time was up after {} of {} kexec cycles", context.boots(), kexecs));
  }
  context.Activity(fmt::format("kexec {} of {}", context.boots() + 1, kexecs));
  const Status status = context.Reboot("kexec", std::to_string(reserved), kKexecLimit);
  if (absl::IsFailedPrecondition(status)) return Result::Skip(MessageOf(status));
  return Result::Error("kexec: " + MessageOf(status));
}

}  // namespace lk::agent::gic_lpi_hotplug
