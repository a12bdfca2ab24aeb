// SPDX-License-Identifier: Apache-2.0
// A simulated guest and its fate.
#pragma once

#include <deque>
#include <optional>
#include <string>

#include "server/scheduler/core.h"
#include "server/vm/hypervisor.h"

namespace lk::sim {

enum class Fate {
  kGood,
  kNoCanary,
  kPanics,
  kNeverConnects,
  kAgentDies,
  kFlaps,
  kHangs,
  kSticks,
  kDies,
  kOverruns,
  kReboots,
  kQemuStops,       // neither the guest nor QEMU's monitor responds
  kNetworkCut,      // the guest is fine but cannot be reached
  kStalls,          // a detector fires, then silence
  kIsCounted,       // a kernel counter rises, but nothing is printed
  kDiesOnItsOwn,    // the agent, which is PID 1, exits
  kRebootsUnasked,  // without announcing it
  kNeverBack,       // the guest announces a reboot, then is silent forever
  kStarves,         // the host gives a vCPU no time for so long that a detector fires
};
inline constexpr uint64_t kFates = 19;

struct Guest {
  std::string run_id;
  std::string host;  // its URI
  Fate fate = Fate::kGood;
  absl::Time fate_at;
  bool monitor_responds = true;

  // For which its vCPU 0 has waited for a CPU of the host so far, and will wait if it starves.
  absl::Duration delay;
  absl::Duration starves = absl::Seconds(8);

  // All console output, and its reader.
  std::string console;
  absl::Time booted;
  std::optional<vm::ConsoleSink> sink;

  // The agent.
  uint64_t session = 0;
  bool connected = false;
  absl::Time next_connect;
  int boot = 1;
  bool leased = false;
  std::string nonce;
  absl::Time done_at;
  bool canary_written = false;
  bool done_said = false;
  bool finish = false;
  uint64_t sequence = 0;
  uint64_t progress = 0;
  std::deque<scheduler::AgentSaid> unacknowledged;

  bool panicked = false;
  bool fulfilled = false;  // the part of its fate that happens only once has happened
  bool nmi = false;        // an NMI has been injected
  absl::Time resumes = absl::InfinitePast();
};

}  // namespace lk::sim
