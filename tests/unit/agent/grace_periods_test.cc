// SPDX-License-Identifier: Apache-2.0
#include "agent/witness/grace_periods.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace lk::agent {
namespace {

TEST(GracePeriods, UsesTheFirstWayThatWorks) {
  std::string tried;
  const auto way = [&](char name, bool works) {
    return [&tried, name, works] {
      tried += name;
      return works;
    };
  };
  using Ways = std::array<std::function<bool()>, 2>;
  EXPECT_TRUE(WaitForGracePeriod(Ways{way('a', true), way('b', true)}));
  EXPECT_EQ(tried, "a");
  tried.clear();
  EXPECT_TRUE(WaitForGracePeriod(Ways{way('a', false), way('b', true)}));
  EXPECT_EQ(tried, "ab");
  tried.clear();
  EXPECT_FALSE(WaitForGracePeriod(Ways{way('a', false), way('b', false)}));
  EXPECT_EQ(tried, "ab");
}

TEST(GracePeriods, OneWayOrTheOtherWorksHere) {
  EXPECT_TRUE(WaitWithMembarrier(2) || WaitWithAio());
}

TEST(GracePeriods, MembarrierRequiresASecondCpu) {
  EXPECT_FALSE(WaitWithMembarrier(1));
}

}  // namespace
}  // namespace lk::agent
