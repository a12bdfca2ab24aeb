// SPDX-License-Identifier: Apache-2.0
// A guest of the simulation and what is to befall it.
#pragma once

#include <deque>
#include <string>

#include "server/scheduler/core.h"

namespace lk::scheduler {

struct Guest {
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
  static constexpr uint64_t kFates = 18;
  std::string host;
  std::string nonce;
  Fate fate = Fate::kGood;
  absl::Time launched_by;  // launching until then
  bool launching = true;
  bool alive = false;
  bool destroy_asked = false;  // while launching
  absl::Time fate_at;

  uint64_t session = 0;
  bool connected = false;
  absl::Time next_connect;
  int boot = 1;
  bool leased = false;
  absl::Time done_at;
  bool canary_written = false;
  bool done_said = false;
  bool finish = false;
  uint64_t sequence = 0;
  uint64_t progress = 0;
  std::deque<AgentSaid> unacknowledged;

  uint64_t printed = 0;
  bool panicked = false;
  bool report_told = false;
  bool stalled = false;
  bool nmi = false;  // was injected
  absl::Time resumes = absl::InfinitePast();
};

}  // namespace lk::scheduler
