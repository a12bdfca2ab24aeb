// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "server/campaign/kernel_selection.h"
#include "server/campaign/release_number.h"

namespace lk::campaign {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

KernelBuild Build(std::string id, std::string release, Labels labels = {}, int64_t added = 0) {
  KernelBuild build;
  build.id = std::move(id);
  build.release = std::move(release);
  build.labels = std::move(labels);
  build.added = absl::FromUnixSeconds(added);
  return build;
}

KernelSelector Exact(std::string text) {
  KernelSelector selector;
  selector.exact = std::move(text);
  selector.line = 5;
  selector.column = 14;
  return selector;
}

KernelSelector Match(std::string pattern, uint32_t newest = 0) {
  KernelSelector selector;
  selector.match = std::move(pattern);
  selector.newest = newest;
  return selector;
}

std::vector<std::string> Ids(const KernelResolution& resolution) {
  std::vector<std::string> ids;
  for (const KernelBuild& kernel : resolution.kernels) ids.push_back(kernel.id);
  return ids;
}

const std::vector<KernelBuild> kKnown = {
    Build("k9", "6.1.0-9-cloud-amd64"),
    Build("k40", "6.1.0-40-cloud-amd64"),
    Build("k612", "6.12.1-amd64", {{"tree", "next"}}),
    Build("klab1", "6.12.1-lab", {{"tree", "next"}}, 1),
    Build("klab2", "6.12.1-lab", {{"tree", "next"}}, 2),
};

TEST(ReleaseLess, ComparesNumerically) {
  const std::vector<std::string> ascending = {"5.10.0-30-amd64", "6.1.0-9-amd64", "6.1.0-40-amd64", "6.12.0-rc1",
                                              "6.12.0-rc10",     "6.12.0",        "6.12.0-1-amd64", "6.12.1",
                                              "6.12.95+deb12",   "6.12.95+deb13", "7.2.0"};
  for (size_t i = 0; i < ascending.size(); ++i) {
    for (size_t j = 0; j < ascending.size(); ++j) {
      // No order is defined between a Debian revision and a release candidate of the same version.
      if (std::min(i, j) >= 3 && std::max(i, j) == 6) continue;
      EXPECT_EQ(ReleaseLess(ascending[i], ascending[j]), i < j) << ascending[i] << " " << ascending[j];
    }
  }
  EXPECT_FALSE(ReleaseLess("", ""));
  EXPECT_FALSE(ReleaseLess("6.01", "6.1"));
  EXPECT_TRUE(ReleaseLess("99999999999999999998", "99999999999999999999"));
}

TEST(ReleaseNumber, GrowsWithTheRelease) {
  const std::vector<std::string> ascending = {"5.10.0-30-amd64",
                                              "6.1.0-9-amd64",
                                              "6.1.0-40-amd64",
                                              "6.12.0-rc1",
                                              "6.12.0-rc3-00012-gdeadbeef",
                                              "6.12.0-rc10",
                                              "6.12.0",
                                              "6.12.0-1",
                                              "6.12.95",
                                              "6.12.95+deb12",
                                              "6.12.95+deb13-cloud-amd64",
                                              "6.13",
                                              "7.2.0",
                                              "10.0.0-rc1"};
  for (size_t i = 1; i < ascending.size(); ++i) {
    EXPECT_LT(ReleaseNumber(ascending[i - 1]), ReleaseNumber(ascending[i])) << ascending[i];
  }
  EXPECT_EQ(ReleaseNumber("6.12.1-cloud-amd64"), ReleaseNumber("6.12.1-amd64"))
      << "the flavour is not part of the number";
  EXPECT_EQ(ReleaseNumber("6.12"), ReleaseNumber("6.12.0"));
  EXPECT_EQ(ReleaseNumber(""), 99'000'000u);
  const std::string huge(40, '9');
  EXPECT_LT(ReleaseNumber(huge + "." + huge + "." + huge + "-" + huge), uint64_t{1} << 53);
}

TEST(ResolveKernels, AcceptsIdsReleasesAndPatterns) {
  CampaignSpec spec;
  spec.kernels = {Exact("klab1"), Exact("6.1.0-9-cloud-amd64"), Match("6.1.0-*")};
  const KernelResolution resolution = ResolveKernels(spec, kKnown);
  EXPECT_THAT(resolution.errors, IsEmpty());
  EXPECT_THAT(Ids(resolution), ElementsAre("klab1", "k9", "k40"));
}

TEST(ResolveKernels, SortsByReleaseThenByTimeAdded) {
  CampaignSpec spec;
  spec.kernels = {Match("6.1.0-*", 1)};
  EXPECT_THAT(Ids(ResolveKernels(spec, kKnown)), ElementsAre("k40"));
  KernelSelector next;
  next.label_key = "tree";
  next.label_value = "next";
  next.newest = 2;
  spec.kernels = {next};
  EXPECT_THAT(Ids(ResolveKernels(spec, kKnown)), ElementsAre("klab2", "klab1"));
}

TEST(ResolveKernels, ReportsMissingAndAmbiguousKernels) {
  CampaignSpec spec;
  spec.kernels = {Exact("6.6"), Exact("6.12.1-lab")};
  const KernelResolution resolution = ResolveKernels(spec, kKnown);
  EXPECT_THAT(resolution.kernels, IsEmpty());
  ASSERT_EQ(resolution.errors.size(), 2u);
  EXPECT_EQ(resolution.errors[0].line, 5u);
  EXPECT_EQ(resolution.errors[0].column, 14u);
  EXPECT_EQ(resolution.errors[0].path, "spec.kernels[0]");
  EXPECT_THAT(resolution.errors[0].message, HasSubstr("known kernels: 6.1.0-9-cloud-amd64"));
  EXPECT_THAT(resolution.errors[1].message, HasSubstr("klab2, klab1"));
  EXPECT_THAT(ResolveKernels(spec, {}).errors[0].message, HasSubstr("lkctl kernel add"));
}

}  // namespace
}  // namespace lk::campaign
