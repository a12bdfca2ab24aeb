// SPDX-License-Identifier: Apache-2.0
#include "agent/scenarios/fire_drill/acts.h"

#include <absl/time/clock.h>
#include <elf.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <thread>

#include "agent/files.h"
#include "agent/init/log.h"
#include "agent/init/modules.h"
#include "agent/kexec/kexec.h"
#include "agent/probes/probes.h"
#include "agent/scenarios/fire_drill/spoiled_kernel.h"
#include "support/file.h"

namespace lk::agent::fire_drill {
namespace {

constexpr char kSysrq[] = "/proc/sysrq-trigger";
constexpr char kCrashpoints[] = "/sys/kernel/debug/provoke-crash/DIRECT";

Result FromStatus(const Status& status) {
  return status.ok() ? Result::Ok() : Result::Error(std::string(status.message()));
}

Result None(Context&) {
  return Result::Ok();
}

Result Sysrq(Context& context) {
  return FromStatus(WriteFile(kSysrq, context.Text("key")));
}

Result Lkdtm(Context& context) {
  const std::string& crashpoint = context.Text("crashpoint");
  // Reading the file returns a heading and the names, one per line (drivers/misc/lkdtm/core.c).
  const auto known = ReadFile(kCrashpoints);
  if (!known.ok()) return FromStatus(known.status());
  if (known->find("\n" + crashpoint + "\n") == known->npos) {
    return Result::Skip(fmt::format("this kernel's LKDTM has no crashpoint {}", crashpoint));
  }
  std::vector<int> cpus = UsableCpus();
  if (context.Text("cpus") == "one") cpus.erase(cpus.begin(), cpus.end() - 1);
  // Ignore failures that a crashpoint returns; its effect is in the kernel log.
  StrikeOn(cpus, [&] { (void)WriteFile(kCrashpoints, crashpoint); });
  return Result::Ok();
}

Result TestLockup(Context& context) {
  const Status status = LoadModule("test_lockup", context.Text("lockup"));
  if (absl::IsNotFound(status)) return Result::Skip("the guest has no module test_lockup (CONFIG_TEST_LOCKUP=m)");
  // The module's init function does the work and returns EAGAIN, so that the module never stays loaded
  // (lib/test_lockup.c).
  return absl::IsUnavailable(status) ? Result::Ok() : FromStatus(status);
}

Result Say(Context& context) {
  const std::string& text = context.Text("text");
  const uint64_t count = context.Integer("count");
  for (uint64_t n = 1; n <= count && !context.Over(); ++n) {
    std::string line = text;
    if (const size_t at = line.find('%'); at != line.npos) line.replace(at, 1, std::to_string(n));
    if (!WriteKmsg(fmt::format("<1>{}\n", line))) {
      return Result::Error(fmt::format("/dev/kmsg: {}", std::strerror(errno)));
    }
    context.Progress();
    absl::SleepFor(std::min(context.Duration("every"), context.Left()));
  }
  return Result::Ok();
}

Result Stall(Context& context) {
  while (!context.Over()) absl::SleepFor(absl::Milliseconds(100));
  return Result::Ok();
}

Result KillWorker(Context&) {
  kill(getpid(), SIGKILL);
  return Result::Error("SIGKILL did not kill the trigger");
}

// The supervisor is usually PID 1, which cannot be killed by sending it a signal, not even SIGKILL (sig_task_ignored()
// in kernel/signal.c). But it can be killed by a page fault, so its instruction pointer is set to an unmapped address.
Result KillAgent(Context&) {
  const pid_t agent = getppid();
  user_regs_struct registers;
  iovec area{&registers, sizeof registers};
  if (ptrace(PTRACE_SEIZE, agent, nullptr, nullptr) != 0 || ptrace(PTRACE_INTERRUPT, agent, nullptr, nullptr) != 0 ||
      waitpid(agent, nullptr, __WALL) != agent || ptrace(PTRACE_GETREGSET, agent, NT_PRSTATUS, &area) != 0) {
    return Result::Error(fmt::format("cannot ptrace the agent: {}", std::strerror(errno)));
  }
#if defined(__x86_64__)
  registers.rip = 0;
  registers.orig_rax = ~0ull;  // no system call to restart
#else
  registers.pc = 0;
#endif
  if (ptrace(PTRACE_SETREGSET, agent, NT_PRSTATUS, &area) != 0 || ptrace(PTRACE_DETACH, agent, nullptr, nullptr) != 0) {
    return Result::Error(fmt::format("cannot ptrace the agent: {}", std::strerror(errno)));
  }
  return Result::Ok();
}

Result KexecHang(Context& context) {
  constexpr char kSpoiled[] = "/tmp/spoiled-kernel";
  constexpr absl::Duration kWithin = absl::Seconds(10);
  auto image = ReadFile(kKernelPath);
  if (!image.ok()) return FromStatus(image.status());
  if (const Status status = Spoil(*image); !status.ok()) return FromStatus(status);
  std::ofstream(kSpoiled, std::ios::binary) << *image;
  const Status status = context.Reboot("kexec into a kernel that hangs", "", kWithin, kSpoiled);
  if (absl::IsFailedPrecondition(status)) return Result::Skip(std::string(status.message()));
  return FromStatus(status);
}

constexpr Act kActs[] = {
    {"none", &None},
    {"sysrq", &Sysrq, kSysrq, "CONFIG_MAGIC_SYSRQ"},
    {"lkdtm", &Lkdtm, kCrashpoints, "CONFIG_LKDTM, CONFIG_DEBUG_FS"},
    {"test_lockup", &TestLockup},
    {"say", &Say},
    {"stall", &Stall},
    {"kill_worker", &KillWorker},
    {"kill_agent", &KillAgent},
    {"kexec_hang", &KexecHang, kKernelPath, "the guest has no kernel image"},
};

}  // namespace

std::span<const Act> Acts() {
  return kActs;
}

std::string Missing(const Act& act, const std::string& root) {
  if (act.file == nullptr || access((root + act.file).c_str(), F_OK) == 0) return "";
  return fmt::format("no {} ({})", act.file, act.lacking);
}

void StrikeOn(const std::vector<int>& cpus, const std::function<void()>& strike) {
  std::atomic<size_t> missing = cpus.size();
  std::vector<std::jthread> threads;
  threads.reserve(cpus.size());
  for (const int cpu : cpus) {
    threads.emplace_back([&, cpu] {
      PinToCpu(cpu);
      missing.fetch_sub(1);
      // Spin instead of sleeping: a CPU may lock up in `strike` before it has woken the other threads.
      while (missing.load() > 0) {
      }
      strike();
    });
  }
}

}  // namespace lk::agent::fire_drill
