// SPDX-License-Identifier: Apache-2.0
// Where a run's result comes from, and how to repeat the run.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/campaign/matrix.h"
#include "server/campaign/only_run.h"
#include "server/campaign/spec.h"
#include "tests/unit/campaign/descriptors.h"

namespace lk::campaign {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

KernelBuild BuildOf(const std::string& release, const Labels& labels = {}) {
  KernelBuild kernel;
  kernel.id = "k0123456789ab";
  kernel.release = release;
  kernel.labels = labels;
  return kernel;
}

TEST(CommitOf, ComesFromTheLabelOrTheRelease) {
  EXPECT_EQ(CommitOf(BuildOf("6.12.0-rc1-00012-g0123456789ab")), "0123456789ab");
  EXPECT_EQ(CommitOf(BuildOf("6.12.0-g0123456-dirty")), "0123456");
  EXPECT_EQ(CommitOf(BuildOf("6.12.0-g0123456+")), "0123456");
  EXPECT_EQ(CommitOf(BuildOf("6.12.0-generic-g0123456")), "0123456");
  EXPECT_EQ(CommitOf(BuildOf("6.12.0", {{"commit", "fedcba9876543210"}})), "fedcba9876543210");
  EXPECT_EQ(CommitOf(BuildOf("6.12.0-g0123456", {{"commit", "fedcba98"}})), "fedcba98");
  EXPECT_EQ(CommitOf(BuildOf("6.12.0", {{"commit", std::string(64, 'a')}})), std::string(64, 'a'))
      << "SHA-256 commit ids are accepted";
}

TEST(CommitOf, IsEmptyIfThereIsNone) {
  for (const char* release :
       {"6.12.95+deb12-cloud-amd64", "6.12.0-generic", "6.12.0-g012345", "6.12.0-g0123456xyz", ""}) {
    EXPECT_EQ(CommitOf(BuildOf(release)), "") << release;
  }
  EXPECT_EQ(CommitOf(BuildOf("6.12.0", {{"commit", "main"}})), "");
  EXPECT_EQ(CommitOf(BuildOf("6.12.0", {{"commit", std::string(41, 'a')}})), "");
}

constexpr char kFile[] = R"(
apiVersion: lk/v1
kind: Campaign
metadata: { name: nightly }
spec:
  kernels: [ { match: "6.*" } ]
  profiles:
    - { name: small, vcpus: 2, memory: 1GiB }
    - { base: iommu-strict, name: big, vcpus: 8 }
    - low-memory
  scenarios:
    - { name: rest, duration: 30s, profiles: [ small, big ] }
  repeats: 3
  retries: { fail: 2 }
  positiveControls: require
  detectors: distribution
  transient: { rcu_stall: fail }
  deadline: 3h
  notify: [ ci ]
)";

class OnlyRunTest : public testing::Test {
 protected:
  OnlyRunTest() {
    campaign_.id = "c1";
    campaign_.spec_yaml = kFile;
    campaign_.overrides = {"spec.scenarios[0].duration=10s", "spec.profiles[0].vcpus=4"};
    run_.kernel_id = "k0123456789ab";
    run_.profile = "small";
    run_.scenario = "rest";
    run_.seed = 4'000'000'000;
  }
  CampaignSpec Again() {
    const StatusOr<std::string> file = OnlyRun(campaign_, run_);
    EXPECT_TRUE(file.ok()) << file.status();
    const SpecResult result = ParseSpec(file.value_or(""), {}, AllDescriptors());
    for (const SpecError& error : result.errors) ADD_FAILURE() << error.path << ": " << error.message << "\n" << *file;
    return result.spec;
  }

  Campaign campaign_;
  campaign::Run run_;
};

TEST_F(OnlyRunTest, HasOneRunWithItsSeed) {
  const CampaignSpec spec = Again();
  ASSERT_EQ(spec.kernels.size(), 1u);
  EXPECT_EQ(spec.kernels[0].exact, "k0123456789ab");
  ASSERT_EQ(spec.profiles.size(), 1u);
  EXPECT_EQ(spec.profiles[0].name, "small");
  EXPECT_EQ(spec.profiles[0].vcpus, 4u) << "overrides apply";
  ASSERT_EQ(spec.scenarios.size(), 1u);
  EXPECT_EQ(spec.scenarios[0].duration, absl::Seconds(10));
  EXPECT_EQ(spec.repeats, 1u);
  EXPECT_EQ(spec.retries_fail, 0u);
  EXPECT_EQ(spec.positive_controls, PositiveControls::kOff);
  EXPECT_EQ(spec.deadline, absl::Hours(3));
  EXPECT_EQ(spec.detectors, Detectors::kDistribution);
  EXPECT_THAT(spec.transient.ignored, IsEmpty());
  EXPECT_THAT(spec.notify, IsEmpty());
  EXPECT_EQ(spec.seed, 4'000'000'000);

  campaign_.spec = spec;
  const auto runs = Expand(campaign_, {BuildOf("6.12.0")}, AllDescriptors(), absl::UnixEpoch(),
                           [](size_t bytes) { return std::string(2 * bytes, '0'); });
  ASSERT_EQ(runs.size(), 1u);
  EXPECT_EQ(runs[0].seed, run_.seed);
}

TEST_F(OnlyRunTest, AcceptsProfilesGivenByNameOrWithABase) {
  run_.profile = "big";
  EXPECT_EQ(Again().profiles[0].vcpus, 8u);
  run_.profile = "low-memory";
  EXPECT_EQ(Again().profiles[0].name, "low-memory");
}

TEST_F(OnlyRunTest, NamesTheMissingProfile) {
  run_.profile = "other";
  EXPECT_THAT(std::string(OnlyRun(campaign_, run_).status().message()),
              HasSubstr("has no profile or scenario \"other\""));
  campaign_.spec_yaml = ": : :";
  EXPECT_FALSE(OnlyRun(campaign_, run_).ok());
  campaign_.spec_yaml = "";
  EXPECT_FALSE(OnlyRun(campaign_, run_).ok());
}

TEST(Provenance, OfTheKernelIsKeptForRetries) {
  const SpecResult parsed = ParseSpec(kFile, {"spec.positiveControls=off"}, AllDescriptors());
  Campaign campaign;
  campaign.id = "c1";
  campaign.spec = parsed.spec;
  KernelBuild kernel = BuildOf("6.12.0-g0123456789ab");
  kernel.config_sha256 = "c0f1";
  kernel.source = "linux.deb";
  const auto random = [](size_t bytes) { return std::string(2 * bytes, '0'); };
  std::vector<campaign::Run> runs = Expand(campaign, {kernel}, AllDescriptors(), absl::UnixEpoch(), random);
  ASSERT_FALSE(runs.empty());
  EXPECT_NE(runs[0].seed, runs[1].seed) << "each run has its own seed if the file sets none";
  runs[0].provenance.image_sha256 = "of the first attempt";
  const campaign::Run next = NextAttempt(runs[0], absl::UnixEpoch(), random);
  EXPECT_EQ(next.provenance.config_sha256, "c0f1");
  EXPECT_EQ(next.provenance.kernel_source, "linux.deb");
  EXPECT_EQ(next.provenance.kernel_commit, "0123456789ab");
  EXPECT_EQ(next.provenance.image_sha256, "");
}

}  // namespace
}  // namespace lk::campaign
