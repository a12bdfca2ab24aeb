// SPDX-License-Identifier: Apache-2.0
#include "agent/scenarios/cpus.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lk::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(ParseCpuList, ParsesRangesAndNumbers) {
  EXPECT_THAT(ParseCpuList("0-3,5,7-8\n"), ElementsAre(0, 1, 2, 3, 5, 7, 8));
  EXPECT_THAT(ParseCpuList("0\n"), ElementsAre(0));
  EXPECT_THAT(ParseCpuList(""), IsEmpty());
  EXPECT_THAT(ParseCpuList("2,x"), ElementsAre(2));
}

}  // namespace
}  // namespace lk::agent
