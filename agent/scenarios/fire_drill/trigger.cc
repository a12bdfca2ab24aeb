// SPDX-License-Identifier: Apache-2.0
#include "agent/scenarios/trigger.h"

#include <absl/time/clock.h>

#include <algorithm>

#include "agent/scenarios/fire_drill/acts.h"
#include "agent/scenarios/fire_drill/flood.h"

namespace lk::agent::fire_drill {
namespace {

constexpr absl::Duration kStep = absl::Milliseconds(500);

// Waits until the given time or the end of the run, reporting progress.
void WaitUntil(Context& context, const Flood& flood, absl::Time end) {
  while (!context.Over() && BootNow() < end) {
    absl::SleepFor(std::min({kStep, end - BootNow(), context.Left()}));
    context.Progress();
    context.SetCounter("flood", static_cast<double>(flood.bytes()), "By");
  }
}

}  // namespace

Result Run(Context& context) {
  const auto act = std::ranges::find(Acts(), context.Text("act"), &Act::name);
  if (act == Acts().end()) return Result::Error("unknown act \"" + context.Text("act") + "\"");
  if (std::string missing = Missing(*act); !missing.empty()) return Result::Skip(std::move(missing));

  const Flood flood(context.Integer("flood"));
  context.Activity("waiting");
  WaitUntil(context, flood, BootNow() + context.Duration("after"));
  if (context.Over()) return Result::Ok();

  context.Activity(act->name);
  if (Result result = act->run(context); result.outcome != Result::Outcome::kOk) return result;
  context.Progress();
  context.Activity("after the action");
  WaitUntil(context, flood, absl::InfiniteFuture());
  return Result::Ok();
}

}  // namespace lk::agent::fire_drill
