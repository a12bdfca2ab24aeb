// SPDX-License-Identifier: Apache-2.0
#include "server/detect/names.h"

#include <gtest/gtest.h>

namespace lk::detect {
namespace {

TEST(Names, MatchesWholeNamesAndPrefixes) {
  const Names names = {"schedule", "die*", "die_hard*", "do_*", "__x"};
  for (const std::string_view name : {"schedule", "die", "die_soft", "die_hard", "diet", "do_", "do_it", "__x"}) {
    EXPECT_TRUE(names.Has(name)) << name;
  }
  for (const std::string_view name : {"", "schedule_work", "di", "do", "__xy", "zzz", "a"}) {
    EXPECT_FALSE(names.Has(name)) << name;
  }
}

}  // namespace
}  // namespace lk::detect
