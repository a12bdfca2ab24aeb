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

TEST(Safety, RunsInAGuestStartedByLkd) {
  EXPECT_TRUE(MayAct(Guest()).ok());
}

TEST(Safety, RefusesOutsideAVm) {
  Surroundings machine = Guest();
  machine.hypervisor.clear();
  ExpectRefusal(machine, "not inside a virtual machine");
}

TEST(Safety, RefusesWithoutAConfig) {
  Surroundings machine = Guest();
  machine.has_config = false;
  ExpectRefusal(machine, "config is missing");
}

TEST(Safety, RefusesWithoutAValidToken) {
  for (const std::string& token : {std::string(), std::string(63, 'a'), std::string(64, 'g'), std::string(65, 'a')}) {
    Surroundings machine = Guest();
    machine.token = token;
    ExpectRefusal(machine, "no valid token");
  }
}

// Wherever this test runs, it is not a guest started by lkd.
TEST(Safety, RefusesOnTheMachineThatRunsTheTests) {
  EXPECT_FALSE(MayAct(LookAround()).ok());
}

}  // namespace
}  // namespace lk::agent
