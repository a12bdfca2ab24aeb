// SPDX-License-Identifier: Apache-2.0
#include "support/random.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace lk {
namespace {

TEST(ToHex, IsLowerCaseWithTwoDigitsPerByte) {
  EXPECT_EQ(ToHex(""), "");
  EXPECT_EQ(ToHex(std::string_view("\x00\x0f\xa5\xff", 4)), "000fa5ff");
}

TEST(RandomHex, HasTheRequestedLengthAndDoesNotRepeat) {
  EXPECT_EQ(RandomHex(0), "");
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const std::string hex = RandomHex(16);
    EXPECT_EQ(hex.size(), 32u);
    EXPECT_EQ(hex.find_first_not_of("0123456789abcdef"), std::string::npos);
    EXPECT_TRUE(seen.insert(hex).second);
  }
  EXPECT_EQ(RandomHex(256).size(), 512u);
}

TEST(RandomHexDeathTest, RejectsMoreThanGetrandomGuarantees) {
  EXPECT_DEATH(RandomHex(257), "");
}

}  // namespace
}  // namespace lk
