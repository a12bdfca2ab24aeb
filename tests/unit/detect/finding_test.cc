// SPDX-License-Identifier: Apache-2.0
#include "server/detect/finding.h"

#include <gtest/gtest.h>

namespace lk::detect {
namespace {

TEST(Kind, IsParsedFromItsWord) {
  for (int i = 0; i <= static_cast<int>(kLastKind); ++i) {
    const auto kind = static_cast<Kind>(i);
    Kind parsed = kind == Kind::kHang ? Kind::kPanic : Kind::kHang;
    ASSERT_TRUE(ParseKind(ToString(kind), parsed)) << ToString(kind);
    EXPECT_EQ(parsed, kind);
  }
  EXPECT_EQ(ToString(Kind::kSoftLockup), "soft_lockup");
  EXPECT_EQ(ToString(Kind::kAgentLost), "agent_lost");
  EXPECT_EQ(ToString(Kind::kCommandTimeout), "command_timeout");
}

TEST(Kind, UnknownWordsAreRejected) {
  Kind kind = Kind::kOops;
  EXPECT_FALSE(ParseKind("soft lockup", kind));
  EXPECT_FALSE(ParseKind("", kind));
  EXPECT_EQ(kind, Kind::kOops);
}

}  // namespace
}  // namespace lk::detect
