// SPDX-License-Identifier: Apache-2.0
#include "server/campaign/predefined_profiles.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/campaign/descriptors.h"

namespace lk::campaign {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

// Parses a campaign with these profiles, which are on line 6.
SpecResult ParseProfiles(const std::string& profiles, const std::string& uses = "rest") {
  return ParseSpec(fmt::format("apiVersion: lk/v1\n"
                               "kind: Campaign\n"
                               "metadata: {{ name: nightly }}\n"
                               "spec:\n"
                               "  kernels: [ 6.1.0-1 ]\n"
                               "  profiles: [ {} ]\n"
                               "  scenarios: [ {} ]\n",
                               profiles, uses),
                   {}, AllDescriptors());
}

Profile One(const std::string& profile) {
  const SpecResult result = ParseProfiles(profile);
  for (const SpecError& error : result.errors) ADD_FAILURE() << profile << ": " << error.path << ": " << error.message;
  return result.ok() ? result.spec.profiles.front() : Profile();
}

// The properties of a profile as text, for comparing two profiles.
std::string Shape(const Profile& p) {
  std::string shape = fmt::format("{} {} {} {} {} {} \"{}\"", p.name, ToString(p.arch), p.machine, p.vcpus,
                                  p.memory_bytes, p.uefi, p.cmdline);
  if (p.memory_hotplug) {
    shape += fmt::format(" hotplug {} {} {}", static_cast<int>(p.memory_hotplug->model), p.memory_hotplug->slots,
                         p.memory_hotplug->max_bytes);
  }
  if (p.iommu) {
    shape += fmt::format(" iommu {} {} {} {} {}", static_cast<int>(p.iommu->model), p.iommu->intremap,
                         p.iommu->caching_mode, p.iommu->device_iotlb, p.iommu->scalable);
  }
  shape += fmt::format(" confidential {}", static_cast<int>(p.confidential.type));
  for (const auto& [key, value] : p.confidential.fields) shape += fmt::format(" {}={}", key, value);
  return shape;
}

// Indents a profile so that it is an entry in a block-style list.
std::string Entry(std::string_view yaml) {
  std::string text = "    -\n      ";
  for (const char c : yaml) {
    text += c;
    if (c == '\n') text += "      ";
  }
  return text;
}

TEST(PredefinedProfiles, EachIsAValidProfileNamedAfterItsFile) {
  ASSERT_THAT(PredefinedProfiles(), Not(testing::IsEmpty()));
  for (const PredefinedProfile& ready : PredefinedProfiles()) {
    // First written out in a campaign file, so that every error is reported.
    const SpecResult written = ParseSpec(
        "apiVersion: lk/v1\nkind: Campaign\nmetadata: { name: nightly }\nspec:\n  kernels: [ 6.1.0-1 ]\n"
        "  scenarios: [ rest ]\n  profiles:\n" +
            Entry(ready.yaml),
        {}, AllDescriptors());
    for (const SpecError& error : written.errors) {
      ADD_FAILURE() << ready.name << ".yaml: " << error.path << ": " << error.message;
    }
    ASSERT_THAT(written.spec.profiles, SizeIs(1)) << ready.name;
    EXPECT_EQ(written.spec.profiles.front().name, ready.name);
    // Referring to it by name gives the same profile.
    EXPECT_EQ(Shape(One(std::string(ready.name))), Shape(written.spec.profiles.front()));
    EXPECT_TRUE(ready.yaml.starts_with("# ")) << ready.name << " begins with a comment that says what it is for";
    EXPECT_THAT(std::string(ready.yaml), HasSubstr("# Needs: ")) << ready.name;
  }
  EXPECT_TRUE(std::ranges::is_sorted(PredefinedProfiles(), {}, &PredefinedProfile::name));
}

TEST(PredefinedProfiles, CanBeUsedByNameAlongsideOthers) {
  const SpecResult result =
      ParseProfiles("iommu-strict, { name: mine, vcpus: 2 }", "{ name: rest, profiles: [ iommu-strict ] }");
  ASSERT_TRUE(result.ok()) << result.errors.front().message;
  ASSERT_THAT(result.spec.profiles, SizeIs(2));
  EXPECT_EQ(result.spec.profiles[0].name, "iommu-strict");
  EXPECT_TRUE(result.spec.profiles[0].iommu->intremap);
  EXPECT_EQ(result.spec.profiles[1].name, "mine");
  EXPECT_FALSE(result.spec.profiles[1].iommu);
}

TEST(PredefinedProfiles, AreOverriddenKeyByKeyAsABase) {
  const Profile base = One("iommu-strict");
  const Profile built = One("{ vcpus: 8, name: iommu-8, base: iommu-strict }");
  EXPECT_EQ(built.name, "iommu-8");
  EXPECT_EQ(built.vcpus, 8u);
  EXPECT_EQ(built.memory_bytes, base.memory_bytes);
  EXPECT_EQ(built.cmdline, base.cmdline);
  EXPECT_TRUE(built.iommu->intremap && built.iommu->caching_mode && built.iommu->device_iotlb);

  const Profile narrow = One("{ base: iommu-strict, name: narrow, iommu: { model: intel } }");
  EXPECT_FALSE(narrow.iommu->intremap || narrow.iommu->caching_mode || narrow.iommu->device_iotlb)
      << "a mapping is replaced as a whole";

  const Profile arm = One("{ base: low-memory, name: arm, arch: aarch64 }");
  EXPECT_EQ(arm.machine, "virt");
}

TEST(PredefinedProfiles, ErrorsHaveAPositionInTheCampaignFile) {
  const struct {
    const char* profiles;
    uint32_t column;
    const char* words;
  } rows[] = {
      {"iommu-strikt", 15, "did you mean \"iommu-strict\"?"},
      {"no-such-thing-here", 15, "hotplug-dimm-large, hotplug-dimm-small"},
      {"{ name: mine, base: iommu }", 35, "unknown predefined profile \"iommu\""},
      {"{ name: mine, base: [ iommu-strict ] }", 35, "single value"},
      {"{ base: iommu-strict }", 15, "\"name\" is missing"},
      {"{ base: iommu-strict, name: mine, vcpu: 2 }", 49, "did you mean \"vcpus\"?"},
      // Keys of the base are not in the file, so the error is reported at the entry.
      {"{ base: hotplug-dimm-large, name: mine, memory: 6GiB }", 15, "greater than memory"},
      {"iommu-strict, iommu-strict", 29, "duplicate profile"},
  };
  for (const auto& row : rows) {
    const SpecResult result = ParseProfiles(row.profiles);
    ASSERT_FALSE(result.errors.empty()) << row.profiles;
    EXPECT_EQ(result.errors.front().line, 6u) << row.profiles;
    EXPECT_EQ(result.errors.front().column, row.column) << row.profiles << ": " << result.errors.front().message;
    EXPECT_THAT(result.errors.front().message, HasSubstr(row.words)) << row.profiles;
  }
}

}  // namespace
}  // namespace lk::campaign
