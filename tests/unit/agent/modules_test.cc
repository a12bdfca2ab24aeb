// SPDX-License-Identifier: Apache-2.0
#include "agent/init/modules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lk::agent {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Modules, ParsesTheBlacklistOnACommandLine) {
  EXPECT_THAT(BlacklistedModules("console=ttyS0 modprobe.blacklist=test-lockup,b quiet modprobe.blacklist=c\n"),
              ElementsAre("b", "c", "test_lockup"));
  EXPECT_THAT(BlacklistedModules("modprobe.blacklist=a"), ElementsAre("a"));
  EXPECT_THAT(BlacklistedModules("modprobe.blacklist= x"), IsEmpty());
  EXPECT_THAT(BlacklistedModules("not_modprobe.blacklist=a"), IsEmpty());
  EXPECT_THAT(BlacklistedModules(""), IsEmpty());
}

TEST(Modules, ReportsAnUnknownModule) {
  EXPECT_TRUE(absl::IsNotFound(LoadModule("no_such_module_anywhere", "")));
}

}  // namespace
}  // namespace lk::agent
