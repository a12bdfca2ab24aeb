// SPDX-License-Identifier: Apache-2.0
#include "server/campaign/emulation_faults.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string>

#include "server/campaign/findings.h"
#include "server/detect/functions.h"

namespace lk::campaign {
namespace {

using detect::Kind;

// A real CPU stops at the breakpoint that stands for code that is being patched, and goes on (poke_int3_handler,
// arch/x86/kernel/alternative.c). An emulated one may run the breakpoint when it is no longer expected.
bool IsStaleCode(const Finding& finding) {
  return finding.kind == Kind::kOops && finding.excerpt.find("int3: 0000 [#") != std::string::npos;
}

// nmi_cpu_backtrace() leaves out the stack of a CPU that is halted in its idle loop with interrupts on
// (lib/nmi_backtrace.c).
bool IsIdleWithoutTicks(const Finding& finding) {
  constexpr Kind kKinds[] = {Kind::kHardLockup, Kind::kRcuStall, Kind::kCsdStall, Kind::kHang};
  if (std::ranges::find(kKinds, finding.kind) == std::end(kKinds)) return false;
  if (detect::RolesOf(finding.function).Any(detect::Role::kIdle)) return true;
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
    if (!HeldAgainstKernel(finding) || EmulationFault(finding).empty()) continue;
    if (first == nullptr || finding.start_offset < first->start_offset) first = &finding;
  }
  return first;
}

bool FollowsFault(const Finding* fault, const Finding& finding) {
  return fault != nullptr && (!OnConsole(finding) || finding.start_offset >= fault->start_offset);
}

}  // namespace lk::campaign
