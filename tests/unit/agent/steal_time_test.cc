// SPDX-License-Identifier: Apache-2.0
#include "agent/witness/steal_time.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>

namespace lk::agent {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(StealTime, IsThatOfEachCpu) {
  const std::string path = testing::TempDir() + "lk-proc-stat";
  const auto write = [&](const std::string& text) { std::ofstream(path) << text; };
  StealTime steal(path);
  write("cpu  1 2 3 4 5 6 7 80 9 10\ncpu0 1 2 3 4 5 6 7 50 9 10\ncpu1 1 2 3 4 5 6 7 30 9 10\nintr 12 0\n");
  EXPECT_THAT(steal.Read(), ElementsAre(50, 30));
  // CPU 1 is offline, and CPU 3 has come.
  write("cpu  1 2 3 4 5 6 7 61 9 10\ncpu0 1 2 3 4 5 6 7 60 9 10\ncpu3 1 2 3 4 5 6 7 1 9 10\nintr 12 0\n");
  EXPECT_THAT(steal.Read(), ElementsAre(60, 30, 0, 1));
  write("cpu99999999 1 2 3 4 5 6 7 50 9 10\n");
  EXPECT_THAT(steal.Read(), ElementsAre(60, 30, 0, 1));
  EXPECT_THAT(StealTime("/nonexistent").Read(), IsEmpty());
}

}  // namespace
}  // namespace lk::agent
