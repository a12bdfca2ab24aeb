// SPDX-License-Identifier: Apache-2.0
#include "agent/safety/safety.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lk::agent {
namespace {

using testing::HasSubstr;

Surroundings Guest() {
  return {"cpuid hypervisor KVMKVMKVM", true, std::string(64, 'a')};
}

void ExpectRefusal(const Surroundings& surroundings, const char* reason) {
  const Status status = MayAct(surroundings);
  EXPECT_TRUE(absl::IsPermissionDenied(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr(reason));
}

TEST(Safety, ActsInAGuestOfAController) {
  EXPECT_TRUE(MayAct(Guest()).ok());
}

TEST(Safety, RefusesOutsideAVm) {
  Surroundings machine = Guest();
  machine.hypervisor.clear();
  ExpectRefusal(machine, "no virtual machine");
}

TEST(Safety, RefusesWithoutAController) {
  Surroundings machine = Guest();
  machine.has_config = false;
  ExpectRefusal(machine, "config is missing");
}

TEST(Safety, RefusesWithoutARunsToken) {
  for (const std::string& token : {std::string(), std::string(63, 'a'), std::string(64, 'g'), std::string(65, 'a')}) {
    Surroundings machine = Guest();
    machine.token = token;
    ExpectRefusal(machine, "no token");
  }
}

// This test does not run in a guest of a controller, whatever it runs on.
TEST(Safety, RefusesHere) {
  EXPECT_FALSE(MayAct(LookAround()).ok());
}

}  // namespace
}  // namespace lk::agent
