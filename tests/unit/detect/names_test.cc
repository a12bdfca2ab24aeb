// SPDX-License-Identifier: Apache-2.0
#include "server/detect/names.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

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

TEST(Names, MatchesSuffixes) {
  const Names names = {"*_ioctl", "*panic_fmt"};
  for (const std::string_view name : {"tide_ioctl", "_ioctl", "_RNvNtCs_4core9panicking9panic_fmt"}) {
    EXPECT_TRUE(names.Has(name)) << name;
  }
  for (const std::string_view name : {"ioctl", "tide_ioctl_old", "panic"}) EXPECT_FALSE(names.Has(name)) << name;
}

TEST(Names, FindsTheValuesOfAllPatternsThatMatch) {
  const Names names(std::vector<Names::Pattern>{{"do_tide", 1}, {"do_*", 2}, {"*_tide", 4}, {"do_tide_*", 8}});
  const std::pair<std::string_view, uint16_t> cases[] = {
      {"do_tide", 1 | 2 | 4}, {"do_tide_once", 2 | 8}, {"do_ebb", 2}, {"a_tide", 4}, {"tide", 0}, {"d", 0}, {"", 0},
  };
  for (const auto& [name, value] : cases) EXPECT_EQ(names.Find(name), value) << name;
}

}  // namespace
}  // namespace lk::detect
