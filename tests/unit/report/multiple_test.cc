// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "server/report/statistics_multiple.h"

namespace lk::report {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::IsEmpty;
using Ps = std::vector<double>;

TEST(HolmAdjusted, StepsDown) {
  // The common textbook example (0.01, 0.04, 0.03, 0.005 at level 0.05): the first and fourth are rejected, the second
  // and third are not.
  EXPECT_THAT(HolmAdjusted(Ps{0.01, 0.04, 0.03, 0.005}), ElementsAre(DoubleNear(0.03, 1e-12), DoubleNear(0.06, 1e-12),
                                                                     DoubleNear(0.06, 1e-12), DoubleNear(0.02, 1e-12)));
  EXPECT_THAT(HolmAdjusted(Ps{0.7, 0.8}), ElementsAre(1, 1));
  EXPECT_THAT(HolmAdjusted(Ps{0.02}), ElementsAre(0.02));
  EXPECT_THAT(HolmAdjusted({}), IsEmpty());
}

TEST(HolmAdjusted, KeepsOrderAndLiesBetweenUnadjustedAndBonferroni) {
  std::mt19937_64 random(3);
  for (int round = 0; round < 100; ++round) {
    Ps p(1 + random() % 20);
    for (double& value : p) value = static_cast<double>(random() % 1000) / 1000;
    const Ps adjusted = HolmAdjusted(p);
    for (size_t i = 0; i < p.size(); ++i) {
      EXPECT_GE(adjusted[i], p[i]);
      EXPECT_LE(adjusted[i], std::min(1.0, p[i] * static_cast<double>(p.size())));
      for (size_t j = 0; j < p.size(); ++j) {
        if (p[i] < p[j]) {
          EXPECT_LE(adjusted[i], adjusted[j]);
        }
      }
    }
  }
}

TEST(WorthTesting, LeavesOutWhatCannotBecomeSignificant) {
  // The first can reach 0.031, the others only 0.1: only the first is tested, at the full level.
  EXPECT_THAT(WorthTesting(Ps{0.031, 0.1, 0.1, 0.1}, 0.05), ElementsAre(true, false, false, false));
  // Two at 0.031 would have to reach 0.025 each, so neither can become significant.
  EXPECT_THAT(WorthTesting(Ps{0.031, 0.031}, 0.05), ElementsAre(false, false));
  EXPECT_THAT(WorthTesting(Ps{0.001, 0.031, 0.002}, 0.05), ElementsAre(true, false, true));
  EXPECT_THAT(WorthTesting(Ps{1, 1}, 0.05), ElementsAre(false, false));
  EXPECT_THAT(WorthTesting({}, 0.05), IsEmpty());
}

TEST(WorthTesting, KeepsOnlyWhatCanBecomeSignificant) {
  std::mt19937_64 random(5);
  for (int round = 0; round < 200; ++round) {
    Ps smallest(1 + random() % 30);
    for (double& value : smallest) value = 1.0 / static_cast<double>(1 + random() % 2000);
    const std::vector<bool> worth = WorthTesting(smallest, 0.05);
    const auto made = std::ranges::count(worth, true);
    for (size_t i = 0; i < smallest.size(); ++i) {
      if (worth[i]) {
        EXPECT_LE(smallest[i] * static_cast<double>(made), 0.05);
      }
    }
  }
}

}  // namespace
}  // namespace lk::report
