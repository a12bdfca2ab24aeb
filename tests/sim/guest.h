// SPDX-License-Identifier: Apache-2.0
// A guest of the simulation and what is to befall it.
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
  kQemuStops,       // nothing is heard, and QEMU's monitor does not answer either
  kNetworkCut,      // nothing is heard of a guest that is fine
  kStalls,          // a detector speaks, then nothing
  kIsCounted,       // a counter of the kernel rises, without a word
  kDiesOnItsOwn,    // the agent, which is PID 1
  kRebootsUnasked,  // nobody announced it
  kNeverBack        // a reboot that was announced ends in silence
};
inline constexpr uint64_t kFates = 18;

struct Guest {
  std::string run_id;
  std::string host;  // its URI
  Fate fate = Fate::kGood;
  absl::Time fate_at;
  bool monitor_answers = true;

  // The console: all that it printed, and who reads it.
  std::string console;
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
  bool fulfilled = false;  // of a fate: what comes once has come
  bool nmi = false;        // was injected
  absl::Time resumes = absl::InfinitePast();
};

}  // namespace lk::sim
