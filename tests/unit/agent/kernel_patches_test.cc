// SPDX-License-Identifier: Apache-2.0
// Tests the kernel patches of each scenario, as compiled into its descriptor.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/scenarios/descriptors.h"
#include "lk/v1/scenario.pb.h"

namespace lk {
namespace {

using testing::AnyOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

using KernelPatch = v1::ScenarioDescriptor::KernelPatch;

class KernelPatches : public testing::TestWithParam<v1::ScenarioDescriptor> {};

void CheckPatch(const KernelPatch& patch) {
  SCOPED_TRACE(patch.name());
  EXPECT_THAT(patch.text().substr(0, patch.text().find('\n')), HasSubstr("SPDX-License-Identifier: GPL-2.0"));
  if (patch.name().ends_with(".cocci")) {
    // lkctl needs this list of the files to change, with "|" between alternatives.
    EXPECT_THAT(patch.text(), HasSubstr("\n// Files: "));
  }
}

TEST_P(KernelPatches, HaveValidNamesAndHeaders) {
  for (const KernelPatch& patch : GetParam().emulation()) {
    CheckPatch(patch);
    EXPECT_THAT(patch.name(), StartsWith("emulation"));
    EXPECT_THAT(patch.name(), AnyOf(EndsWith(".cocci"), EndsWith(".c"), EndsWith(".h")));
  }
  for (const KernelPatch& patch : GetParam().harness()) {
    CheckPatch(patch);
    EXPECT_THAT(patch.name(), StartsWith("harness"));
    EXPECT_THAT(patch.name(), AnyOf(EndsWith(".cocci"), EndsWith(".c"), EndsWith(".h")));
  }
  for (const KernelPatch& patch : GetParam().mutant()) {
    CheckPatch(patch);
    EXPECT_THAT(patch.name(), StartsWith("mutant_"));
    EXPECT_THAT(patch.name(), EndsWith(".cocci"));
  }
}

INSTANTIATE_TEST_SUITE_P(All, KernelPatches, testing::ValuesIn(Descriptors()),
                         [](const auto& test) { return test.param.name(); });

TEST(Emulation, PreservesQuotesAndBackslashes) {
  for (const auto& descriptor : Descriptors()) {
    if (descriptor.name() != "unaccepted_memory") continue;
    ASSERT_EQ(descriptor.emulation_size(), 4);
    EXPECT_EQ(descriptor.emulation(0).name(), "emulation.c");
    EXPECT_THAT(descriptor.emulation(0).text(),
                HasSubstr("pr_err(\"lk: failed to allocate the unaccepted memory table\\n\");"));
    EXPECT_THAT(descriptor.emulation(0).text(), EndsWith("return unaccepted;\n}\n"));
    return;
  }
  FAIL() << "scenario unaccepted_memory not found";
}

}  // namespace
}  // namespace lk
