// SPDX-License-Identifier: Apache-2.0
#include "agent/session/worker.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <utility>

#include "agent/files.h"
#include "agent/init/log.h"
#include "agent/safety/safety.h"
#include "agent/scenarios/trigger.h"
#include "agent/session/carried.h"
#include "agent/session/channel.h"
#include "agent/session/context.h"
#include "agent/session/worker_process.h"
#include "lk/v1/agent.pb.h"
#include "support/file.h"

namespace lk::agent {
namespace {

constexpr absl::Duration kSamplesInterval = absl::Milliseconds(500);

// The worker is the OOM killer's first choice, leaves no core dump in the guest's memory, and dies with its supervisor.
// Kernel reports show the name that is set here as the task's name.
void ApplyLimits() {
  (void)WriteFile("/proc/self/oom_score_adj", "1000");
  const rlimit no_core{0, 0}, files{65536, 65536};
  setrlimit(RLIMIT_CORE, &no_core);
  setrlimit(RLIMIT_NOFILE, &files);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  prctl(PR_SET_NAME, "lk-trigger");
}

// Handles messages from the supervisor until it closes the channel.
void ListenToSupervisor(Context& context) {
  v1::ControllerMessage message;
  while (ReceiveMessage(kWorkerChannelFd, message).ok()) {
    if (message.has_cancel()) context.Cancel();
    if (message.has_host_action()) context.OnHostActionReply(message.host_action());
  }
}

Result RunTrigger(const std::string& scenario, Context& context) {
  const auto& triggers = Triggers();
  const auto trigger =
      std::find_if(triggers.begin(), triggers.end(), [&](const Trigger& other) { return other.name == scenario; });
  if (trigger == triggers.end()) return Result::Error(fmt::format("unknown scenario \"{}\"", scenario));
  return trigger->run(context);
}

}  // namespace

int WorkerMain() {
  struct stat channel;
  if (fstat(kWorkerChannelFd, &channel) != 0 || !S_ISSOCK(channel.st_mode)) {
    fmt::print(stderr, "lk-agent: only lk-agent itself can start a worker\n");
    return 2;
  }
  if (const Status status = MayAct(LookAround()); !status.ok()) {
    fmt::print(stderr, "lk-agent: {}\n", std::string(status.message()));
    return 2;
  }
  v1::ControllerMessage first;
  const auto state = MapSharedState(kWorkerStateFd);
  if (!state.ok() || !ReceiveMessage(kWorkerChannelFd, first).ok() || !first.has_lease()) return 2;
  ApplyLimits();

  v1::Carried carried;
  if (const auto content = ReadFile(kCarriedPath); content.ok()) {
    auto decoded = DecodeCarried(*content);
    if (!decoded.ok()) {
      LogError("{}", std::string(decoded.status().message()));
      return 2;
    }
    carried = *std::move(decoded);
  }
  // Never destroyed: the listener, and any threads that the trigger left behind, use it until the process exits.
  Context& context = *new Context(first.lease(), kWorkerChannelFd, **state, carried);
  std::thread(ListenToSupervisor, std::ref(context)).detach();

  Result result;
  {
    std::jthread sampler([&context](const std::stop_token& stop) {
      absl::Mutex mutex;
      bool stopped = false;
      const std::stop_callback wake(stop, [&] {
        absl::MutexLock lock(&mutex);
        stopped = true;
      });
      bool told = false;
      absl::MutexLock lock(&mutex);
      while (!mutex.AwaitWithTimeout(absl::Condition(&stopped), kSamplesInterval)) {
        const Status sent = context.SendSamples();
        if (!sent.ok() && !std::exchange(told, true)) LogError("samples lost: {}", std::string(sent.message()));
      }
    });
    result = RunTrigger(first.lease().scenario(), context);
  }
  (void)context.SendSamples();

  constexpr std::array kOutcomes = {"ok", "skip", "error"};
  v1::AgentMessage message;
  v1::Done& done = *message.mutable_done();
  done.set_outcome(kOutcomes[static_cast<size_t>(result.outcome)]);
  done.set_reason(result.reason);
  done.set_operations(context.operations());
  for (const std::string& part : context.skipped_parts()) done.add_skipped_parts(part);
  done.set_emulated(context.emulated());
  const bool sent = SendMessage(kWorkerChannelFd, message).ok();
  std::quick_exit(sent ? 0 : 1);
}

}  // namespace lk::agent
