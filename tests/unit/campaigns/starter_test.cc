// SPDX-License-Identifier: Apache-2.0
#include "server/campaigns/starter.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>

#include "tests/unit/campaign/descriptors.h"
#include "tests/unit/support/test_clock.h"

namespace lk::campaigns {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// A valid campaign file. Tests replace `kernels`, and add lines to the spec with `more`.
std::string File(std::string_view kernels = "6.1.0-1", std::string_view more = "") {
  return fmt::format(R"(apiVersion: lk/v1
kind: Campaign
metadata: {{ name: nightly }}
spec:
  kernels: [ {} ]
  profiles: [ {{ name: small }} ]
  scenarios: [ rest, swarm ]
{})",
                     kernels, more);
}

class StarterTest : public testing::Test {
 protected:
  StarterTest() {
    AddKernel("k1", "6.1.0-1");
    calls_.clear();
  }

  void AddKernel(const std::string& id, const std::string& release, campaign::Arch arch = campaign::Arch::kX86_64) {
    campaign::KernelBuild kernel;
    kernel.id = id;
    kernel.release = release;
    kernel.arch = arch;
    kernel.config_sha256 = "5eed";
    kernel.config = {{"SMP", "y"}, {"BLK_DEV_INITRD", "y"}};
    EXPECT_TRUE(store_->PutKernel(kernel).ok());
  }
  // Marks the last campaign that was handed over, and all its runs, as finished with this verdict, and stores them.
  void Finish(campaign::Verdict verdict) {
    campaign_.state = campaign::CampaignState::kFinished;
    campaign_.verdict = verdict;
    for (campaign::Run& run : runs_) {
      run.state = campaign::RunState::kDone;
      run.verdict = verdict;
    }
    ASSERT_TRUE(store_->Apply({.campaigns = {campaign_}, .runs = runs_, .events = {}, .time = clock_.Now()}).ok());
  }

  StatusOr<Started> Start(const StartRequest& request) {
    mistakes_.clear();
    return starter_.Start(request, mistakes_);
  }
  StatusOr<Started> Rerun(const std::string& prefix, bool failed = false) {
    mistakes_.clear();
    return starter_.Rerun(prefix, failed, mistakes_);
  }

  const TestClock clock_;
  const campaign::Descriptors descriptors_ = campaign::AllDescriptors();
  std::map<std::string, int> calls_;  // number of calls to the store, by operation
  const std::unique_ptr<store::Store> store_ =
      store::Open("sqlite::memory:", [this](std::string_view operation, double) {
        ++calls_[std::string(operation)];
      }).value();
  // How many campaigns were handed over, and the last of them.
  int handed_over_ = 0;
  campaign::Campaign campaign_;
  std::vector<campaign::Run> runs_;
  bool stored_in_time_ = true;
  Mistakes mistakes_;
  const Starter starter_{*store_,
                         [this](campaign::Campaign campaign, std::vector<campaign::Run> runs) {
                           ++handed_over_;
                           campaign_ = std::move(campaign);
                           runs_ = std::move(runs);
                           return stored_in_time_;
                         },
                         descriptors_,
                         {"ci", "mail"},
                         clock_,
                         [](size_t bytes) { return std::string(2 * bytes, 'a'); }};
};

TEST_F(StarterTest, HandsOverAValidCampaign) {
  const auto started = Start({.spec_yaml = File("6.1.0-1", "  notify: [ ci ]\n"),
                              .overrides = {"spec.repeats=2", "metadata.labels.tree=next"}});
  ASSERT_TRUE(started.ok()) << started.status();
  EXPECT_EQ(started->campaign.id, "c1jn7w80aaaa");
  EXPECT_EQ(started->campaign.id, starter_.NewId(clock_.Now()));
  EXPECT_THAT(started->notes, IsEmpty());
  EXPECT_EQ(started->counts.total, 4u);
  // swarm needs a VM with memory hotplug.
  EXPECT_EQ(started->counts.skip, 2u);
  EXPECT_EQ(started->counts.pending, 2u);

  EXPECT_EQ(campaign_.id, started->campaign.id);
  EXPECT_EQ(campaign_.created, clock_.Now());
  EXPECT_EQ(campaign_.finished, absl::InfinitePast());
  EXPECT_EQ(campaign_.seed, 0xaaaaaaaa);
  EXPECT_EQ(campaign_.spec.name, "nightly");
  EXPECT_EQ(campaign_.spec.labels.at("tree"), "next");
  EXPECT_THAT(campaign_.overrides, SizeIs(2));
  ASSERT_THAT(runs_, SizeIs(4));
  EXPECT_EQ(runs_[0].id, campaign_.id + "-001");
  EXPECT_EQ(runs_[0].token, std::string(64, 'a'));
}

TEST_F(StarterTest, IdsSortByTime) {
  EXPECT_LT(starter_.NewId(clock_.Now()), starter_.NewId(clock_.Now() + absl::Seconds(1)));
  EXPECT_LT(starter_.NewId(clock_.Now()), starter_.NewId(clock_.Now() + absl::Hours(24 * 365 * 900)));
}

TEST_F(StarterTest, UsesTheRequestedId) {
  EXPECT_EQ(Start({.spec_yaml = File(), .id = "c0abc"}).value().campaign.id, "c0abc");
  EXPECT_EQ(campaign_.id, "c0abc");
  EXPECT_EQ(runs_.at(0).campaign_id, "c0abc");
}

TEST_F(StarterTest, ValidateOnlyStartsNothing) {
  const auto checked = Start({.spec_yaml = File(), .id = "c0abc", .validate_only = true});
  ASSERT_TRUE(checked.ok()) << checked.status();
  EXPECT_EQ(checked->campaign.id, "");
  EXPECT_EQ(checked->counts.total, 2u);
  EXPECT_EQ(handed_over_, 0);
}

TEST_F(StarterTest, ReadsEachKernelOnceWithItsConfiguration) {
  const auto started = Start({.spec_yaml = File(),
                              .overrides = {"spec.profiles[0].memoryHotplug={model: dimm, slots: 2, max: 4GiB}",
                                            "spec.profiles[0].memory=1GiB"}});
  ASSERT_TRUE(started.ok()) << started.status();
  EXPECT_EQ(calls_["list_kernels"], 1);
  EXPECT_EQ(calls_["get_kernel"], 0);
  EXPECT_THAT(runs_.at(1).reason, HasSubstr("needs CONFIG_CRASH_HOTPLUG"));
}

TEST_F(StarterTest, ReportsAllMistakesInFileOrder) {
  const auto started = Start({.spec_yaml = File("6.1.0-1, 6.99", "  notify: [ pager, ci ]\n  repeats: many\n")});
  EXPECT_EQ(started.status(), absl::InvalidArgumentError("the campaign file has 3 errors"));
  EXPECT_THAT(
      mistakes_,
      ElementsAre(
          AllOf(Field(&campaign::SpecError::line, 5), Field(&campaign::SpecError::path, "spec.kernels[1]"),
                Field(&campaign::SpecError::message, HasSubstr("no kernel matches \"6.99\""))),
          AllOf(Field(&campaign::SpecError::line, 8), Field(&campaign::SpecError::path, "spec.notify[0]"),
                Field(&campaign::SpecError::message, "unknown notification target \"pager\" (configured: ci, mail)")),
          AllOf(Field(&campaign::SpecError::line, 9), Field(&campaign::SpecError::path, "spec.repeats"))));
  EXPECT_EQ(handed_over_, 0);
}

TEST_F(StarterTest, NamesTheSettingIfNoTargetsAreConfigured) {
  const Starter starter(
      *store_, [](auto, auto) { return true; }, descriptors_, {}, clock_, [](size_t) { return "a"; });
  EXPECT_TRUE(
      absl::IsInvalidArgument(starter.Start({.spec_yaml = File("6.1.0-1", "  notify: [ ci ]\n")}, mistakes_).status()));
  ASSERT_THAT(mistakes_, SizeIs(1));
  EXPECT_EQ(mistakes_[0].message, "unknown notification target \"ci\" (configured: none; see webhooks.targets)");
}

TEST_F(StarterTest, RefusesFilesThatAreTooLarge) {
  EXPECT_EQ(Start({.spec_yaml = File() + std::string(1 << 20, '#')}).status(),
            absl::InvalidArgumentError("the campaign file is larger than 1 MiB"));
  EXPECT_THAT(mistakes_, IsEmpty());
}

TEST_F(StarterTest, NotesKernelsWithoutRuns) {
  AddKernel("k2", "6.1.0-2", campaign::Arch::kAarch64);
  const auto started = Start({.spec_yaml = File("6.1.0-1, 6.1.0-2")});
  ASSERT_TRUE(started.ok()) << started.status();
  EXPECT_THAT(started->notes, ElementsAre("6.1.0-2 has no runs: the campaign runs no scenario on aarch64"));
  EXPECT_THAT(runs_, SizeIs(2));

  EXPECT_EQ(Start({.spec_yaml = File("6.1.0-2")}).status(),
            absl::InvalidArgumentError("the campaign file has 1 error"));
  ASSERT_THAT(mistakes_, SizeIs(1));
  EXPECT_EQ(mistakes_[0].line, 0u);
  EXPECT_EQ(mistakes_[0].path, "spec");
  EXPECT_EQ(mistakes_[0].message, "nothing to run: 6.1.0-2 has no runs: the campaign runs no scenario on aarch64");
  EXPECT_EQ(handed_over_, 1);
}

TEST_F(StarterTest, NotesKnownProblemsThatHaveEnded) {
  const std::string known =
      "  known:\n"
      "    - { title: BUG in f, reason: bug 7, until: 2000-12-31 }\n"
      "    - { title: BUG in g, reason: bug 8, until: 9999-12-31 }\n";
  const auto started = Start({.spec_yaml = File("6.1.0-1", known)});
  ASSERT_TRUE(started.ok()) << started.status();
  EXPECT_THAT(started->notes, ElementsAre("known problem \"BUG in f\" ended on 2000-12-31: it counts again"));
  EXPECT_THAT(campaign_.spec.known.problems(), SizeIs(2));
  Finish(campaign::Verdict::kFail);
  EXPECT_THAT(store_->GetCampaign(campaign_.id)->spec.known.problems(), SizeIs(2));
  const auto again = Rerun(started->campaign.id);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_THAT(again->notes, SizeIs(1));
}

TEST_F(StarterTest, LimitsTheRunsOfACampaign) {
  std::string kernels = "6.1.0-1";
  for (int i = 0; i < 50; ++i) {
    AddKernel(fmt::format("k2-{}", i), fmt::format("6.2.{}", i));
    kernels += fmt::format(", 6.2.{}", i);
  }
  EXPECT_TRUE(absl::IsInvalidArgument(Start({.spec_yaml = File(kernels, "  repeats: 1000\n")}).status()));
  ASSERT_THAT(mistakes_, SizeIs(1));
  EXPECT_EQ(mistakes_[0].message, "102000 runs exceed the limit of 100000 per campaign");
  EXPECT_EQ(handed_over_, 0);
}

TEST_F(StarterTest, LimitsUnfinishedCampaigns) {
  store::Change change;
  for (int i = 0; i < 1000; ++i) {
    campaign::Campaign& campaign = change.campaigns.emplace_back();
    campaign.id = fmt::format("c{}", i);
    campaign.created = clock_.Now();
    campaign.finished = absl::InfinitePast();
  }
  ASSERT_TRUE(store_->Apply(change).ok());
  EXPECT_EQ(Start({.spec_yaml = File()}).status(),
            absl::ResourceExhaustedError("1000 campaigns are unfinished; wait for some to finish, or cancel them"));
  EXPECT_EQ(handed_over_, 0);
  EXPECT_TRUE(Start({.spec_yaml = File(), .validate_only = true}).ok());
}

TEST_F(StarterTest, NamesACampaignThatIsNotStoredInTime) {
  stored_in_time_ = false;
  EXPECT_EQ(
      Start({.spec_yaml = File(), .id = "c0abc"}).status(),
      absl::UnavailableError("campaign c0abc has not been stored yet; check again later with lkctl campaign show"));
  EXPECT_EQ(handed_over_, 1);
}

TEST_F(StarterTest, RerunsACampaignWithItsKernelsAndSeeds) {
  ASSERT_TRUE(Start({.spec_yaml = File(), .overrides = {"spec.repeats=2"}, .id = "c0abc"}).ok());
  Finish(campaign::Verdict::kPass);
  // A newer build of the same release, which the campaign file alone cannot tell from the old one.
  AddKernel("k2", "6.1.0-1");
  calls_.clear();
  const auto started = Rerun("c0a");
  ASSERT_TRUE(started.ok()) << started.status();
  EXPECT_EQ(calls_["list_kernels"], 0);
  EXPECT_EQ(calls_["get_kernel"], 1);
  EXPECT_NE(campaign_.id, "c0abc");
  EXPECT_EQ(started->campaign.id, campaign_.id);
  EXPECT_EQ(started->counts.total, 4u);
  EXPECT_EQ(campaign_.seed, 0xaaaaaaaa);
  EXPECT_THAT(campaign_.overrides, ElementsAre("spec.repeats=2", "metadata.labels.rerunOf=c0abc"));
  EXPECT_EQ(campaign_.spec.labels.at("rerunOf"), "c0abc");
  const auto earlier = store_->ListRuns("c0abc", std::nullopt, "", 0);
  ASSERT_TRUE(earlier.ok());
  ASSERT_EQ(earlier->size(), runs_.size());
  for (size_t i = 0; i < runs_.size(); ++i) {
    EXPECT_EQ(runs_[i].kernel_id, "k1");
    EXPECT_EQ(runs_[i].seed, (*earlier)[i].seed);
  }

  // If a rerun is itself rerun, the label names the rerun, not the original campaign.
  campaign_.id = "c1abc";
  for (campaign::Run& run : runs_) run.campaign_id = campaign_.id;
  Finish(campaign::Verdict::kPass);
  ASSERT_TRUE(Rerun("c1a").ok());
  EXPECT_THAT(campaign_.overrides, ElementsAre("spec.repeats=2", "metadata.labels.rerunOf=c1abc"));
}

TEST_F(StarterTest, RerunsFailedRunsOnly) {
  ASSERT_TRUE(Start({.spec_yaml = File(), .id = "c0abc"}).ok());
  Finish(campaign::Verdict::kPass);
  EXPECT_EQ(Rerun("c0abc", true).status(), absl::FailedPreconditionError("nothing to rerun in campaign c0abc: all runs "
                                                                         "passed or were skipped"));
  runs_[0].verdict = campaign::Verdict::kFail;
  ASSERT_TRUE(store_->Apply({.campaigns = {}, .runs = {runs_[0]}, .events = {}, .time = clock_.Now()}).ok());
  ASSERT_TRUE(Rerun("c0abc", true).ok());
  ASSERT_THAT(runs_, SizeIs(1));
  EXPECT_EQ(runs_[0].scenario, "rest");
}

TEST_F(StarterTest, RefusesToRerunBeforeTheEndOrWithoutTheKernel) {
  EXPECT_TRUE(absl::IsNotFound(Rerun("c0abc").status()));
  ASSERT_TRUE(Start({.spec_yaml = File(), .id = "c0abc"}).ok());
  ASSERT_TRUE(store_->Apply({.campaigns = {campaign_}, .runs = runs_, .events = {}, .time = clock_.Now()}).ok());
  EXPECT_EQ(Rerun("c0abc").status(), absl::FailedPreconditionError("campaign c0abc is not finished; wait for it (lkctl "
                                                                   "campaign watch) or cancel it"));
  Finish(campaign::Verdict::kPass);
  ASSERT_TRUE(store_->RemoveKernel("k1").ok());
  EXPECT_EQ(Rerun("c0abc").status(), absl::FailedPreconditionError("cannot rerun campaign c0abc: no kernel \"k1\""));
  EXPECT_EQ(handed_over_, 1);
}

TEST_F(StarterTest, ReportsMissingTargetsOnRerun) {
  ASSERT_TRUE(Start({.spec_yaml = File("6.1.0-1", "  notify: [ ci ]\n"), .id = "c0abc"}).ok());
  Finish(campaign::Verdict::kPass);
  const Starter starter(
      *store_, [](auto, auto) { return true; }, descriptors_, {"mail"}, clock_, [](size_t) { return "a"; });
  EXPECT_EQ(starter.Rerun("c0abc", false, mistakes_).status(),
            absl::InvalidArgumentError("the campaign file has 1 error"));
  ASSERT_THAT(mistakes_, SizeIs(1));
  EXPECT_EQ(mistakes_[0].path, "spec.notify[0]");
}

TEST(WithFirst, AddsTheFirstMistake) {
  const Status status = absl::InvalidArgumentError("the campaign file has 2 errors");
  EXPECT_EQ(WithFirst(status, {{3, 7, "spec.repeats", "too many"}, {4, 1, "spec.notify", "unknown"}}),
            absl::InvalidArgumentError("the campaign file has 2 errors; 3:7: spec.repeats: too many"));
  EXPECT_EQ(WithFirst(status, {}), status);
  EXPECT_TRUE(WithFirst(absl::OkStatus(), {}).ok());
}

}  // namespace
}  // namespace lk::campaigns
