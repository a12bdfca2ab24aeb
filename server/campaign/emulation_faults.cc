// SPDX-License-Identifier: Apache-2.0
#include "server/campaign/emulation_faults.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

namespace lk::campaign {
namespace {

using detect::Kind;

bool Contains(const std::vector<Kind>& kinds, Kind kind) {
  return std::ranges::find(kinds, kind) != kinds.end();
}

// A real CPU stops at the breakpoint that stands for code that is being patched, and goes on (poke_int3_handler,
// arch/x86/kernel/alternative.c). An emulated one may run the breakpoint when it is no longer expected.
bool IsStaleCode(const Finding& finding) {
  return finding.kind == Kind::kOops && finding.excerpt.find("int3: 0000 [#") != std::string::npos;
}

bool IsIdle(std::string_view function) {
  constexpr std::string_view kIdle[] = {"do_idle",        "default_idle", "pv_native_safe_halt", "native_safe_halt",
                                        "acpi_safe_halt", "cpu_do_idle",  "arch_cpu_idle"};
  return std::ranges::find(kIdle, function) != std::end(kIdle);
}

// nmi_cpu_backtrace() leaves out the stack of a CPU that is halted in its idle loop with interrupts on
// (lib/nmi_backtrace.c).
bool IsIdleWithoutTicks(const Finding& finding) {
  if (!Contains({Kind::kHardLockup, Kind::kRcuStall, Kind::kCsdStall, Kind::kHang}, finding.kind)) return false;
  if (IsIdle(finding.function)) return true;
  return finding.cpu >= 0 && finding.excerpt.find(fmt::format("NMI backtrace for cpu {} skipped: idling at",
                                                              finding.cpu)) != std::string::npos;
}

// Another fault, an assertion in iotlb_to_section(), ends QEMU itself: a VM crash, which is not the kernel's anyway.
struct FaultRow {
  bool (*shows)(const Finding&);
  std::string_view what;
};
constexpr FaultRow kFaults[] = {
    {IsStaleCode, "a vCPU ran code that another one was patching"},
    {IsIdleWithoutTicks, "an idle vCPU was not woken by its interrupts"},
};

}  // namespace

std::string_view EmulationFault(const Finding& finding) {
  const auto* row = std::ranges::find_if(kFaults, [&](const FaultRow& fault) { return fault.shows(finding); });
  return row == std::end(kFaults) ? std::string_view() : row->what;
}

const Finding* FindEmulationFault(const Run& run) {
  if (run.accelerator != "tcg") return nullptr;
  const Finding* first = nullptr;
  for (const Finding& finding : run.findings) {
    if (EmulationFault(finding).empty()) continue;
    if (first == nullptr || finding.start_offset < first->start_offset) first = &finding;
  }
  return first;
}

}  // namespace lk::campaign
