// SPDX-License-Identifier: Apache-2.0
#include "support/edit_distance.h"

#include <gtest/gtest.h>

namespace lk {
namespace {

TEST(EditDistance, CountsInsertionsDeletionsAndReplacements) {
  EXPECT_EQ(EditDistance("", ""), 0u);
  EXPECT_EQ(EditDistance("", "abc"), 3u);
  EXPECT_EQ(EditDistance("abc", ""), 3u);
  EXPECT_EQ(EditDistance("vcpus", "vcpus"), 0u);
  EXPECT_EQ(EditDistance("vcpu", "vcpus"), 1u);
  EXPECT_EQ(EditDistance("vcpsu", "vcpus"), 2u) << "a transposition counts as two";
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3u);
  EXPECT_EQ(EditDistance("sitting", "kitten"), 3u);
}

}  // namespace
}  // namespace lk
