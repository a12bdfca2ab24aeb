// SPDX-License-Identifier: Apache-2.0
// These tests perform no actions, since those would affect the machine that runs the tests.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include "agent/probes/probes.h"
#include "agent/scenarios/descriptors.h"
#include "agent/scenarios/fire_drill/acts.h"
#include "agent/scenarios/fire_drill/flood.h"
#include "agent/scenarios/fire_drill/spoiled_kernel.h"
#include "lk/v1/scenario.pb.h"

namespace lk::agent::fire_drill {
namespace {

using testing::ElementsAreArray;
using testing::UnorderedElementsAreArray;

TEST(FireDrill, HasAnActionForEachChoice) {
  const auto descriptor = std::ranges::find(Descriptors(), "fire_drill", &v1::ScenarioDescriptor::name);
  ASSERT_NE(descriptor, Descriptors().end());
  const auto& parameters = descriptor->parameters();
  const auto parameter = std::ranges::find(parameters, "act", &v1::ScenarioDescriptor::Parameter::name);
  ASSERT_NE(parameter, parameters.end());
  std::vector<std::string> names;
  for (const Act& act : Acts()) names.emplace_back(act.name);
  EXPECT_THAT(names, ElementsAreArray(parameter->choices()));
}

TEST(FireDrill, ReportsMissingFiles) {
  std::string root = testing::TempDir() + "lk-drill.XXXXXX";
  ASSERT_NE(mkdtemp(root.data()), nullptr);
  for (const Act& act : Acts()) {
    if (act.file == nullptr) {
      EXPECT_EQ(Missing(act, root), "") << act.name;
      continue;
    }
    EXPECT_EQ(Missing(act, root), std::string("no ") + act.file + " (" + act.lacking + ")");
    std::filesystem::create_directories(std::filesystem::path(root + act.file).parent_path());
    std::ofstream(root + act.file);
    EXPECT_EQ(Missing(act, root), "") << act.name;
  }
  std::filesystem::remove_all(root);
}

TEST(FireDrill, StrikesOnceOnEachCpu) {
  const std::vector<int> cpus = UsableCpus();
  absl::Mutex mutex;
  std::vector<int> struck;
  StrikeOn(cpus, [&] {
    const int cpu = sched_getcpu();
    const absl::MutexLock lock(&mutex);
    struck.push_back(cpu);
  });
  EXPECT_THAT(struck, UnorderedElementsAreArray(cpus));
}

TEST(FireDrill, FloodLinesHaveEqualLengthAndDiffer) {
  EXPECT_EQ(FloodLine(0).size(), 100u);
  EXPECT_EQ(FloodLine(1'000'000'000'000).size(), 100u);
  EXPECT_NE(FloodLine(1), FloodLine(2));
  EXPECT_EQ(FloodLine(7).find('\n'), std::string::npos);
}

TEST(SpoiledKernel, SpinsAtItsEntryPoint) {
  std::string arm64(4096, 'k');
  arm64.replace(0x38, 4, "ARM\x64");
  ASSERT_TRUE(Spoil(arm64).ok());
  EXPECT_EQ(arm64.substr(0, 4), std::string("\0\0\0\x14", 4));
  EXPECT_EQ(arm64.substr(4, 4), "kkkk");

  std::string x86(8192, 'k');
  x86[0x1f1] = 7;
  x86.replace(0x202, 4, "HdrS");
  ASSERT_TRUE(Spoil(x86).ok());
  EXPECT_EQ(x86.substr(8 * 512 + 0x200 - 1, 4), "k\xeb\xfek");

  std::string other(8192, 'k'), cut = x86.substr(0, 4096);
  EXPECT_FALSE(Spoil(other).ok());
  EXPECT_FALSE(Spoil(cut).ok());
}

}  // namespace
}  // namespace lk::agent::fire_drill
