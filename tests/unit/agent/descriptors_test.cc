// SPDX-License-Identifier: Apache-2.0
#include "agent/scenarios/descriptors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "agent/scenarios/trigger.h"
#include "lk/v1/scenario.pb.h"
#include "support/quantity.h"

namespace lk {
namespace {

using testing::Contains;
using testing::IsEmpty;
using testing::MatchesRegex;
using testing::Not;
using Parameter = v1::ScenarioDescriptor::Parameter;

// Whether a value has the form that the parameter's type requires.
bool IsWellFormed(const Parameter& parameter, const std::string& value) {
  switch (parameter.type()) {
    case Parameter::TYPE_INTEGER:
      return !value.empty() && value.find_first_not_of("0123456789") == value.npos;
    case Parameter::TYPE_SIZE:
      return ParseBytes(value).ok();
    case Parameter::TYPE_DURATION:
      return ParseDuration(value).ok();
    case Parameter::TYPE_BOOL:
      return value == "true" || value == "false";
    case Parameter::TYPE_CHOICE:
      return std::count(parameter.choices().begin(), parameter.choices().end(), value) == 1;
    default:
      return parameter.type() == Parameter::TYPE_TEXT;
  }
}

class Descriptor : public testing::TestWithParam<v1::ScenarioDescriptor> {};

TEST_P(Descriptor, HasTextsAndTimeLimits) {
  const auto& descriptor = GetParam();
  EXPECT_FALSE(descriptor.summary().empty());
  EXPECT_FALSE(descriptor.description().empty());
  EXPECT_GT(descriptor.default_duration().seconds(), 0);
  EXPECT_GT(descriptor.hard_cap().seconds(), descriptor.default_duration().seconds());
  EXPECT_GT(descriptor.progress_limit().seconds(), 0);
}

TEST_P(Descriptor, ParametersHaveValidDefaultsAndBounds) {
  std::set<std::string> names;
  for (const Parameter& parameter : GetParam().parameters()) {
    EXPECT_TRUE(names.insert(parameter.name()).second) << "each parameter name is used once: " << parameter.name();
    EXPECT_FALSE(parameter.summary().empty()) << parameter.name();
    EXPECT_TRUE(IsWellFormed(parameter, parameter.default_value())) << parameter.name();
    for (const std::string& bound : {parameter.min(), parameter.max()}) {
      EXPECT_TRUE(bound.empty() || IsWellFormed(parameter, bound)) << parameter.name() << ": " << bound;
    }
  }
}

TEST_P(Descriptor, HasValidProbesInvariantsAndHostActions) {
  std::set<std::string> probes;
  for (const auto& probe : GetParam().probes()) EXPECT_TRUE(probes.insert(probe.name()).second) << probe.name();
  for (const auto& invariant : GetParam().invariants()) {
    EXPECT_FALSE(invariant.log_literal().empty() && invariant.counter().empty() && invariant.kind().empty())
        << invariant.name();
  }
  for (const std::string& action : GetParam().host_actions()) {
    EXPECT_THAT((std::set<std::string>{"attach_dimm", "detach_dimm", "resize_virtio_mem", "replug_disk"}),
                Contains(action));
  }
}

// The patches of a mutant are mutant_NAME.cocci and mutant_NAME.*.cocci.
TEST_P(Descriptor, StatesTheSymptomsOfEachMutant) {
  std::set<std::string> invariants, proven, mutants, patched;
  for (const auto& invariant : GetParam().invariants()) invariants.insert(invariant.name());
  for (const auto& patch : GetParam().mutant()) {
    patched.insert(patch.name().substr(std::strlen("mutant_"), patch.name().find('.') - std::strlen("mutant_")));
  }
  for (const auto& mutant : GetParam().mutants()) {
    EXPECT_TRUE(mutants.insert(mutant.name()).second) << mutant.name();
    EXPECT_THAT(mutant.name(), MatchesRegex("[a-z][a-z_]{0,19}"));
    EXPECT_FALSE(mutant.summary().empty()) << mutant.name();
    EXPECT_THAT(mutant.symptoms(), Not(IsEmpty())) << mutant.name();
    for (const auto& symptom : mutant.symptoms()) {
      if (!symptom.invariant().empty()) {
        EXPECT_THAT(invariants, Contains(symptom.invariant())) << mutant.name();
        EXPECT_EQ(symptom.kinds_size() + symptom.functions_size(), 0) << mutant.name();
        proven.insert(symptom.invariant());
        continue;
      }
      EXPECT_THAT(symptom.kinds(), Not(IsEmpty())) << mutant.name();
      EXPECT_THAT(symptom.functions(), Not(IsEmpty())) << mutant.name() << ": kinds alone would match too much";
    }
  }
  EXPECT_EQ(mutants, patched);
  if (!mutants.empty()) {
    EXPECT_EQ(proven, invariants) << "a mutant has to break each invariant";
  }
}

TEST_P(Descriptor, HasATrigger) {
  const auto& triggers = agent::Triggers();
  EXPECT_EQ(1, std::count_if(triggers.begin(), triggers.end(),
                             [](const agent::Trigger& trigger) { return trigger.name == GetParam().name(); }));
}

INSTANTIATE_TEST_SUITE_P(All, Descriptor, testing::ValuesIn(Descriptors()),
                         [](const auto& test) { return test.param.name(); });

TEST(Descriptors, AreSortedByName) {
  EXPECT_TRUE(std::is_sorted(Descriptors().begin(), Descriptors().end(),
                             [](const auto& a, const auto& b) { return a.name() < b.name(); }));
  EXPECT_GE(Descriptors().size(), 2u);
}

}  // namespace
}  // namespace lk
