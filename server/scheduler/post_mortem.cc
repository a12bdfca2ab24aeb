// SPDX-License-Identifier: Apache-2.0
#include "server/scheduler/post_mortem.h"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>

#include "server/vm/uri.h"
#include "support/quantity.h"

namespace lk::scheduler {
namespace {

using campaign::PostMortemStep;
using Outcome = PostMortemStep::Outcome;

constexpr size_t kMaxText = 16 << 10;
// The one-line summary lists at most this many CPUs; the text lists all CPUs, up to kMaxText bytes.
constexpr size_t kMaxNamed = 8;

void Fail(PostMortemStep& step, const Status& status) {
  step.outcome = Outcome::kFailed;
  step.detail = std::string(status.message());
}

void Skip(PostMortemStep& step, std::string reason) {
  step.outcome = Outcome::kSkipped;
  step.detail = std::move(reason);
}

bool RunsWithInterruptsOff(const vm::Vcpu& cpu) {
  return !cpu.halted && cpu.interrupts_off;
}

// "1 of 3 CPUs running with interrupts off; CPU 0 at 0xffffffff81000000 (off), CPU 1 at 0x7f2a00000000, CPU 2 halted"
std::string Summarize(const std::vector<vm::Vcpu>& cpus) {
  std::string text = fmt::format("{} of {} CPUs running with interrupts off",
                                 std::ranges::count_if(cpus, RunsWithInterruptsOff), cpus.size());
  const bool all = std::ranges::all_of(cpus, RunsWithInterruptsOff);
  for (size_t i = 0; i < std::min(cpus.size(), kMaxNamed); ++i) {
    const vm::Vcpu& cpu = cpus[i];
    text += fmt::format("{} CPU {} {}{}", i == 0 ? ";" : ",", cpu.index,
                        cpu.halted ? "halted" : fmt::format("at {:#x}", cpu.instruction_pointer),
                        RunsWithInterruptsOff(cpu) && !all ? " (off)" : "");
  }
  if (cpus.size() > kMaxNamed) text += fmt::format(" and {} more", cpus.size() - kMaxNamed);
  return text;
}

void ReadRegisters(const HungGuest& guest, vm::Hypervisor& hypervisor, PostMortemStepDone& done) {
  const auto cpus = hypervisor.VcpuState(guest.vm);
  if (!cpus.ok()) return Fail(done.step, cpus.status());
  done.step.detail = Summarize(*cpus);
  for (const vm::Vcpu& cpu : *cpus) done.step.text += fmt::format("CPU {}\n{}\n", cpu.index, cpu.registers);
  if (done.step.text.size() > kMaxText) done.step.text.resize(kMaxText);
  // A halted CPU is only waiting for an interrupt; if all CPUs are halted, none is stuck in kernel code.
  const auto halted = [](const vm::Vcpu& cpu) { return cpu.halted; };
  done.interrupts_off = !std::ranges::all_of(*cpus, halted) && std::ranges::all_of(*cpus, [](const vm::Vcpu& cpu) {
    return cpu.halted || cpu.interrupts_off;
  });
}

void SendNmi(const HungGuest& guest, vm::Hypervisor& hypervisor, PostMortemStep& step) {
  const Status sent = hypervisor.InjectNmi(guest.vm);
  if (absl::IsUnimplemented(sent)) return Skip(step, std::string(sent.message()));
  if (!sent.ok()) return Fail(step, sent);
  step.detail = "sent";
}

// Returns an empty string if the memory can be dumped.
std::string WhyNotDumped(const HungGuest& guest, const DumpLimits& limits) {
  if (!vm::IsLocal(guest.host_uri)) return fmt::format("the dump would remain on the remote host {}", guest.host_uri);
  if (guest.memory_bytes > limits.max_bytes) {
    return fmt::format("{} of memory exceeds dumps.maxBytes ({})", FormatBytes(guest.memory_bytes),
                       FormatBytes(limits.max_bytes));
  }
  std::error_code error;
  const std::filesystem::space_info space = std::filesystem::space(guest.directory, error);
  if (error) return fmt::format("{}: {}", guest.directory.string(), error.message());
  if (space.available < limits.keep_free || space.available - limits.keep_free < guest.memory_bytes) {
    return fmt::format("{} of memory, but only {} is free on the disk, and dumps.keepFree is {}",
                       FormatBytes(guest.memory_bytes), FormatBytes(space.available), FormatBytes(limits.keep_free));
  }
  return "";
}

void Dump(const HungGuest& guest, const DumpLimits& limits, vm::Hypervisor& hypervisor, PostMortemStep& step) {
  if (std::string reason = WhyNotDumped(guest, limits); !reason.empty()) return Skip(step, std::move(reason));
  // The dump gets its final name once it is complete.
  const std::filesystem::path path = guest.directory / kVmcore;
  std::filesystem::path part = path;
  part += ".part";
  std::error_code error;
  std::filesystem::remove(part, error);  // left over if lkd was killed
  if (const Status dumped = hypervisor.DumpMemory(guest.vm, part); !dumped.ok()) return Fail(step, dumped);
  std::filesystem::rename(part, path, error);
  const uint64_t size = error ? 0 : std::filesystem::file_size(path, error);
  if (error) return Fail(step, absl::InternalError(fmt::format("{}: {}", path.string(), error.message())));
  step.detail = fmt::format("{}, {}", kVmcore, FormatBytes(size));
}

}  // namespace

PostMortemStepDone PerformStep(PostMortemStep::Step step, const HungGuest& guest, const DumpLimits& limits,
                               vm::Hypervisor& hypervisor) {
  PostMortemStepDone done;
  done.run_id = guest.run_id;
  done.step.step = step;
  switch (step) {
    case PostMortemStep::Step::kRegisters:
      ReadRegisters(guest, hypervisor, done);
      break;
    case PostMortemStep::Step::kNmi:
      SendNmi(guest, hypervisor, done.step);
      break;
    case PostMortemStep::Step::kDump:
      Dump(guest, limits, hypervisor, done.step);
      break;
    case PostMortemStep::Step::kDrain:
    case PostMortemStep::Step::kDestroy:
      Skip(done.step, "performed by another action");
      break;
  }
  return done;
}

}  // namespace lk::scheduler
