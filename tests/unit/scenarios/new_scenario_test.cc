// SPDX-License-Identifier: Apache-2.0
// Checks that the descriptor, trigger and campaign file created by agent/scenarios/new match. CMakeLists.txt runs the
// script.
#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <map>
#include <thread>

#include "agent/scenarios/trigger.h"
#include "agent/session/channel.h"
#include "lk/v1/agent.pb.h"
#include "lk/v1/scenario.pb.h"
#include "server/campaign/spec.h"

namespace lk::agent {
namespace made_here {
Result Run(Context& context);
}  // namespace made_here

namespace {

using testing::Contains;
using testing::Gt;
using testing::Key;
using testing::SizeIs;

std::string ReadMade(const std::string& name) {
  std::ifstream file(std::string(LK_MADE "/") + name);
  return {std::istreambuf_iterator<char>(file), {}};
}

v1::ScenarioDescriptor MadeDescriptor() {
  v1::ScenarioDescriptor descriptor;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(ReadMade("scenario.textproto"), &descriptor));
  return descriptor;
}

// Returns the lease that lkd issues if the campaign sets no parameters.
v1::Lease LeaseOf(const v1::ScenarioDescriptor& descriptor, absl::Duration duration) {
  v1::Lease lease;
  lease.set_scenario(descriptor.name());
  lease.mutable_duration()->set_seconds(absl::ToInt64Seconds(duration));
  for (const auto& parameter : descriptor.parameters()) {
    const auto value = campaign::CheckParameter(parameter, parameter.default_value());
    EXPECT_TRUE(value.ok()) << value.status();
    if (value.ok()) (*lease.mutable_parameters())[parameter.name()] = *value;
  }
  return lease;
}

class NewScenario : public testing::Test {
 protected:
  const v1::ScenarioDescriptor descriptor_ = MadeDescriptor();
  std::pair<UniqueFd, UniqueFd> channel_ = *MakeChannel();
  SharedState state_;
};

TEST_F(NewScenario, RunsAndReportsTheProbesAndCountersInItsDescriptor) {
  EXPECT_EQ(descriptor_.name(), "made_here");
  Context context(LeaseOf(descriptor_, absl::Seconds(1)), channel_.second.get(), state_, v1::Carried());
  const Result result = made_here::Run(context);
  EXPECT_EQ(result.outcome, Result::Outcome::kOk) << result.reason;
  EXPECT_GT(context.operations(), 1u);

  ASSERT_TRUE(context.SendSamples().ok());
  v1::AgentMessage message;
  ASSERT_TRUE(ReceiveMessage(channel_.first.get(), message).ok());
  ASSERT_THAT(descriptor_.probes(), SizeIs(1));
  EXPECT_EQ(descriptor_.probes(0).name(), "made_to_measure");
  ASSERT_THAT(message.samples().histograms(), SizeIs(1));
  EXPECT_EQ(message.samples().histograms(0).probe(), "made_to_measure");
  std::map<std::string, double> counters;
  for (const v1::Counter& counter : message.samples().counters()) counters[counter.name()] = counter.value();
  ASSERT_THAT(descriptor_.required_counters(), SizeIs(1));
  EXPECT_THAT(counters, Contains(testing::Pair(descriptor_.required_counters(0), Gt(0))));
}

TEST_F(NewScenario, StopsWhenCancelled) {
  Context context(LeaseOf(descriptor_, absl::Hours(1)), channel_.second.get(), state_, v1::Carried());
  std::jthread canceller([&] {
    while (state_.progress == 0) std::this_thread::yield();
    context.Cancel();
  });
  EXPECT_EQ(made_here::Run(context).outcome, Result::Outcome::kOk);
}

TEST_F(NewScenario, HasAValidCampaignFile) {
  const campaign::SpecResult result = campaign::ParseSpec(ReadMade("example.yaml"), {}, {descriptor_});
  for (const campaign::SpecError& error : result.errors) {
    ADD_FAILURE() << error.line << ":" << error.column << ": " << error.message;
  }
  ASSERT_THAT(result.spec.scenarios, SizeIs(1));
  EXPECT_EQ(result.spec.scenarios[0].name, descriptor_.name());
}

}  // namespace
}  // namespace lk::agent
