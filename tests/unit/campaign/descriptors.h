// SPDX-License-Identifier: Apache-2.0
// Two scenarios for tests of the domain model.
#pragma once

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include "lk/v1/scenario.pb.h"
#include "server/campaign/spec.h"

namespace lk::campaign {

inline v1::ScenarioDescriptor Descriptor(const std::string& text) {
  v1::ScenarioDescriptor descriptor;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &descriptor));
  return descriptor;
}

inline const v1::ScenarioDescriptor& Rest() {
  static const v1::ScenarioDescriptor descriptor = Descriptor(R"(
    name: "rest"
    probes { name: "timer_wakeup" }
    default_duration { seconds: 10 }
    hard_cap { seconds: 60 }
  )");
  return descriptor;
}

inline const v1::ScenarioDescriptor& Swarm() {
  static const v1::ScenarioDescriptor descriptor = Descriptor(R"(
    name: "swarm"
    parameters { name: "dimm" type: TYPE_SIZE default_value: "1GiB" min: "128MiB" max: "4GiB" }
    parameters { name: "readers" type: TYPE_INTEGER default_value: "2" min: "1" max: "64" }
    parameters { name: "pause" type: TYPE_DURATION default_value: "5ms" }
    parameters { name: "detach" type: TYPE_BOOL default_value: "true" }
    parameters { name: "order" type: TYPE_CHOICE default_value: "up" choices: "up" choices: "down" }
    requirements { min_release: "6.1" config: "CRASH_HOTPLUG" vm: "memory_hotplug" min_vcpus: 2 }
    cmdline: "crashkernel=256M"
    probes { name: "attach" }
    invariants { name: "trylock" summary: "the kernel waits for the lock" log_literal: "kexec_trylock() failed" counter: "trylock_failures" }
    tolerates { kind: "warning" title_literal: "harmless_function" }
    default_budgets { key: "attach_max" value: "5s" }
    default_duration { seconds: 30 }
    hard_cap { seconds: 600 }
    required_counters: "blocks"
  )");
  return descriptor;
}

inline Descriptors AllDescriptors() {
  return {Rest(), Swarm()};
}

}  // namespace lk::campaign
