// SPDX-License-Identifier: Apache-2.0
#include "server/campaign/spec.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/campaign/descriptors.h"

namespace lk::campaign {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

// A valid file with parts that tests replace.
std::string File(std::string_view profile = "{ name: small }", std::string_view scenario = "rest",
                 std::string_view more = "") {
  return "apiVersion: lk/v1\n"
         "kind: Campaign\n"
         "metadata: { name: nightly }\n"
         "spec:\n"
         "  kernels: [ 6.1.0-1 ]\n"
         "  profiles:\n"
         "    - " +
         std::string(profile) +
         "\n"
         "  scenarios:\n"
         "    - " +
         std::string(scenario) + "\n" + std::string(more);
}

SpecResult Parse(std::string_view yaml, const std::vector<std::string>& set = {}) {
  return ParseSpec(yaml, set, AllDescriptors());
}

// "line:column path: message"
std::vector<std::string> Errors(const SpecResult& result) {
  std::vector<std::string> lines;
  for (const SpecError& error : result.errors) {
    lines.push_back(std::to_string(error.line) + ":" + std::to_string(error.column) + " " + error.path + ": " +
                    error.message);
  }
  return lines;
}

TEST(Spec, ReadsEveryKey) {
  const SpecResult result = Parse(R"(apiVersion: lk/v1
kind: Campaign
metadata: { name: nightly, labels: { tree: mainline } }
spec:
  kernels: [ "6.12.95-cloud", { match: "6.1.0-*", newest: 2 }, { label: tree=next, newest: 3 } ]
  profiles:
    - name: big
      arch: x86_64
      machine: q35
      vcpus: 4
      memory: 2GiB
      memoryHotplug: { model: dimm, slots: 8, max: 8GiB }
      iommu: { model: intel, intremap: true, cachingMode: true, deviceIotlb: true }
      confidential: { type: sev, policy: 0x3 }
      firmware: uefi
      cmdline: "iommu.strict=1"
      watchdog: { model: i6300esb, action: none }
    - { name: arm, arch: aarch64, iommu: { model: smmuv3 } }
  scenarios:
    - { name: swarm, duration: 45s, params: { dimm: 512MiB, detach: false }, profiles: [ big ], budgets: { attach_p99: 50ms, soft_lockup: 3 } }
    - rest
  repeats: 3
  retries: { error: 2, fail: 1 }
  positiveControls: require
  detectors: distribution
  transient: { soft_lockup: ignore, csd_stall: fail, rcu_stall: fail }
  onHang: { nmi: false, dump: true }
  maxParallel: 4
  deadline: 90min
  notify: [ ci ]
  known:
    - { title: "WARNING in f.*", kind: warning, reason: fix is queued, until: 2027-03-31 }
)");
  ASSERT_THAT(Errors(result), IsEmpty());
  const CampaignSpec& spec = result.spec;
  EXPECT_EQ(spec.name, "nightly");
  EXPECT_THAT(spec.labels, ElementsAre(Pair("tree", "mainline")));

  ASSERT_EQ(spec.kernels.size(), 3u);
  EXPECT_EQ(spec.kernels[0].exact, "6.12.95-cloud");
  EXPECT_EQ(spec.kernels[0].line, 5u);
  EXPECT_EQ(spec.kernels[0].column, 14u);
  EXPECT_EQ(spec.kernels[1].match, "6.1.0-*");
  EXPECT_EQ(spec.kernels[1].newest, 2u);
  EXPECT_EQ(spec.kernels[2].label_key, "tree");
  EXPECT_EQ(spec.kernels[2].label_value, "next");

  ASSERT_EQ(spec.profiles.size(), 2u);
  const Profile& big = spec.profiles[0];
  EXPECT_EQ(big.vcpus, 4u);
  EXPECT_EQ(big.memory_bytes, uint64_t{2} << 30);
  EXPECT_EQ(big.memory_hotplug->slots, 8u);
  EXPECT_EQ(big.memory_hotplug->max_bytes, uint64_t{8} << 30);
  EXPECT_TRUE(big.iommu->intremap && big.iommu->caching_mode && big.iommu->device_iotlb);
  EXPECT_EQ(big.confidential.type, Confidential::Type::kSev);
  EXPECT_THAT(big.confidential.fields, ElementsAre(Pair("policy", "0x3")));
  EXPECT_TRUE(big.uefi);
  EXPECT_EQ(big.cmdline, "iommu.strict=1");
  EXPECT_EQ(big.watchdog->model, "i6300esb");
  EXPECT_EQ(spec.profiles[1].machine, "virt");
  EXPECT_EQ(spec.profiles[1].iommu->model, Iommu::Model::kSmmuv3);

  EXPECT_EQ(spec.detectors, Detectors::kDistribution);
  EXPECT_THAT(spec.transient.ignored, ElementsAre(detect::Kind::kSoftLockup));
  EXPECT_THAT(CampaignSpec().transient.ignored, ElementsAre(detect::Kind::kRcuStall));
  EXPECT_EQ(CampaignSpec().detectors, Detectors::kEarly);

  ASSERT_EQ(spec.scenarios.size(), 2u);
  const ScenarioUse& swarm = spec.scenarios[0];
  EXPECT_EQ(swarm.duration, absl::Seconds(45));
  EXPECT_THAT(swarm.parameters, ElementsAre(Pair("detach", "false"), Pair("dimm", "536870912"), Pair("order", "up"),
                                            Pair("pause", "5000000"), Pair("readers", "2")));
  EXPECT_THAT(swarm.budgets,
              ElementsAre(Pair("attach_max", "5s"), Pair("attach_p99", "50ms"), Pair("soft_lockup", "3")));
  EXPECT_THAT(swarm.profiles, ElementsAre("big"));
  EXPECT_EQ(spec.scenarios[1].name, "rest");

  EXPECT_EQ(spec.repeats, 3u);
  EXPECT_EQ(spec.retries_error, 2u);
  EXPECT_EQ(spec.retries_fail, 1u);
  EXPECT_EQ(spec.positive_controls, PositiveControls::kRequire);
  EXPECT_FALSE(spec.hang_nmi);
  EXPECT_TRUE(spec.hang_dump);
  EXPECT_EQ(spec.max_parallel, 4u);
  EXPECT_EQ(spec.deadline, absl::Minutes(90));
  EXPECT_THAT(spec.notify, ElementsAre("ci"));
  EXPECT_THAT(spec.known.problems(), ElementsAre(known::Problem{"WARNING in f.*", detect::Kind::kWarning,
                                                                "fix is queued", absl::CivilDay(2027, 3, 31)}));
  ASSERT_EQ(result.notify_places.size(), 1u);
  EXPECT_EQ(result.notify_places[0].path, "spec.notify[0]");
  EXPECT_EQ(result.notify_places[0].line, 30u);
}

TEST(Spec, HasDefaults) {
  const SpecResult result = Parse(File());
  ASSERT_THAT(Errors(result), IsEmpty());
  const CampaignSpec& spec = result.spec;
  EXPECT_EQ(spec.profiles[0].arch, Arch::kX86_64);
  EXPECT_EQ(spec.profiles[0].machine, "q35");
  EXPECT_EQ(spec.profiles[0].vcpus, 2u);
  EXPECT_EQ(spec.profiles[0].memory_bytes, uint64_t{1} << 30);
  EXPECT_EQ(spec.scenarios[0].duration, absl::Seconds(10));
  EXPECT_EQ(spec.repeats, 1u);
  EXPECT_EQ(spec.retries_error, 1u);
  EXPECT_EQ(spec.retries_fail, 0u);
  EXPECT_EQ(spec.max_parallel, 8u);
  EXPECT_EQ(spec.deadline, absl::Hours(2));
  EXPECT_EQ(spec.positive_controls, PositiveControls::kAuto);
  EXPECT_TRUE(spec.hang_nmi);
  EXPECT_FALSE(spec.hang_dump);
}

TEST(Spec, ReportsFiveErrorsTogetherWithTheirPositions) {
  const SpecResult result = Parse(R"(apiVersion: lk/v1
kind: Campaign
metadata: { name: nightly }
spec:
  kernels: [ 6.1.0-1 ]
  profiles:
    - name: small
      vcpu: 4
      memory: 2048
  scenarios:
    - { name: swarm, params: { readers: 100 }, profiles: [ smal ] }
    - name: rset
)");
  EXPECT_THAT(
      Errors(result),
      ElementsAre(
          testing::AllOf(HasSubstr("8:7 spec.profiles[0].vcpu: "), HasSubstr("did you mean \"vcpus\"?")),
          testing::AllOf(HasSubstr("9:15 spec.profiles[0].memory: "), HasSubstr("the unit is missing")),
          testing::AllOf(HasSubstr("11:41 spec.scenarios[0].params.readers: "), HasSubstr("from 1 up to 64")),
          testing::AllOf(HasSubstr("11:60 spec.scenarios[0].profiles[0]: "), HasSubstr("did you mean \"small\"?")),
          testing::AllOf(HasSubstr("12:13 spec.scenarios[1].name: "),
                         HasSubstr("did you mean \"rest\"? Valid: rest, swarm"))));
}

// A file with one mistake, the position at which it is reported, and a part of the message.
struct Mistake {
  std::string yaml;
  std::string place;
  std::string message;
};

TEST(Spec, ReportsEachMistake) {
  const std::string dimm = "{ name: a, memoryHotplug: { model: dimm, ";
  const std::vector<Mistake> mistakes = {
      {File() + "  - x\n", "10:3 ", "invalid YAML"},
      {File() + "\tx: 1\n", "10:1 ", "invalid YAML"},
      {"", "0:0 ", "the file is empty (expected a YAML document)"},
      {"- a", "1:1 : ", "expected a mapping (key: value), found a list"},
      {File() + "extra: 1\n", "10:1 extra", "unknown key \"extra\""},
      {File("{ name: small, name: other }"), "7:22 spec.profiles[0].name", "duplicate key \"name\""},
      {File("{ vcpus: 1 }"), "7:7 spec.profiles[0]", "\"name\" is missing"},
      {File("{ name: Small }"), "7:15 spec.profiles[0].name", "lower-case"},
      {File("{ name: a }\n    - { name: a }"), "8:15 spec.profiles[1].name", "duplicate profile \"a\""},
      {File("{ name: a, vcpus: four }"), "7:25 spec.profiles[0].vcpus", "whole number from 1 to 255"},
      {File("{ name: a, vcpus: 0 }"), "7:25 spec.profiles[0].vcpus", "whole number from 1 to 255"},
      {File("{ name: a, memory: 1GB }"), "7:26 spec.profiles[0].memory", "unknown unit"},
      {File("{ name: a, memory: 4MiB }"), "7:26 spec.profiles[0].memory", "at least 64MiB"},
      {File("{ name: a, arch: arm64 }"), "7:24 spec.profiles[0].arch", "x86_64, aarch64"},
      {File("{ name: a, arch: aarch64, machine: q35 }"), "7:42 spec.profiles[0].machine", "requires machine virt"},
      {File("{ name: a, iommu: { model: smmuv3 } }"), "7:34 spec.profiles[0].iommu.model", "requires arch aarch64"},
      {File("{ name: a, arch: aarch64, iommu: { model: intel } }"), "7:49 spec.profiles[0].iommu.model",
       "requires arch x86_64"},
      {File("{ name: a, arch: aarch64, iommu: { model: amd } }"), "7:49 spec.profiles[0].iommu.model",
       "requires arch x86_64"},
      {File("{ name: a, iommu: { model: amd, cachingMode: true } }"), "7:52 spec.profiles[0].iommu.cachingMode",
       "requires model intel"},
      {File("{ name: a, iommu: { model: virtio, intremap: true } }"), "7:52 spec.profiles[0].iommu.intremap",
       "model intel"},
      {File("{ name: a, iommu: { model: intel, intremap: yes } }"), "7:51 spec.profiles[0].iommu.intremap",
       "unknown boolean \"yes\"; valid: true, false"},
      {File("{ name: a, arch: aarch64, confidential: { type: sev } }"), "7:55 spec.profiles[0].confidential.type",
       "require arch x86_64"},
      {File("{ name: a, confidential: { type: tdx } }"), "7:40 spec.profiles[0].confidential.type", "firmware: uefi"},
      {File("{ name: a, firmware: uefi, confidential: { type: tdx, dhCert: x } }"),
       "7:69 spec.profiles[0].confidential.dhCert", "unknown setting"},
      {File("{ name: a, arch: aarch64, memoryHotplug: { model: dimm, slots: 1, max: 2GiB } }"),
       "7:57 spec.profiles[0].memoryHotplug.model", "requires firmware: uefi"},
      {File(dimm + "slots: 2, max: 1GiB } }"), "7:63 spec.profiles[0].memoryHotplug.max",
       "must be greater than memory"},
      {File(dimm + "max: 2GiB } }"), "7:33 spec.profiles[0].memoryHotplug.slots", "requires slots (1 to 255)"},
      {File(dimm + "slots: 9, max: 2GiB } }"), "7:55 spec.profiles[0].memoryHotplug.slots", "too many slots"},
      {File(dimm + "slots: 1, max: 1200MiB } }"), "7:63 spec.profiles[0].memoryHotplug.max", "multiple of 128MiB"},
      {File("{ name: a, memoryHotplug: { model: virtio-mem, slots: 1, max: 2GiB } }"),
       "7:61 spec.profiles[0].memoryHotplug.slots", "no slots"},
      {File("{ name: a, watchdog: { model: diag288 } }"), "7:37 spec.profiles[0].watchdog.model",
       "unknown watchdog model \"diag288\"; valid: i6300esb, itco"},
      {File("{ name: a }", "{ name: rest, duration: 30 }"), "9:31 spec.scenarios[0].duration", "the unit is missing"},
      {File("{ name: a }", "{ name: rest, duration: 2min }"), "9:31 spec.scenarios[0].duration",
       "must not exceed 60.0s"},
      {File("{ name: a }", "{ name: rest, params: { size: 1 } }"), "9:37 spec.scenarios[0].params.size",
       "unknown parameter \"size\" of rest (there are none)"},
      {File("{ name: a }", "{ name: swarm, params: { dimm: 64MiB } }"), "9:38 spec.scenarios[0].params.dimm",
       "from 128MiB up to 4GiB"},
      {File("{ name: a }", "{ name: swarm, params: { order: sideways } }"), "9:39 spec.scenarios[0].params.order",
       "one of up, down"},
      {File("{ name: a }", "{ name: rest, budgets: { soft_lockup: few } }"),
       "9:45 spec.scenarios[0].budgets.soft_lockup", "invalid count"},
      {File("{ name: a }", "{ name: rest, budgets: { timer_wakeup_p99: 50 } }"),
       "9:50 spec.scenarios[0].budgets.timer_wakeup_p99", "unit is missing"},
      {File("{ name: a }", "{ name: rest, budgets: { attach_p99: 5s } }"), "9:44 spec.scenarios[0].budgets.attach_p99",
       "probes: timer_wakeup"},
      {File("{ name: a }", "{ duration: 3s }"), "9:7 spec.scenarios[0]", "\"name\" is missing"},
      {File("{ name: a }", "rest\n    - { name: rest }"), "10:15 spec.scenarios[1].name",
       "duplicate scenario \"rest\""},
      {File("{ name: a, memory: 256MiB }", "swarm"), "9:7 spec.scenarios[0]",
       "uses up all the memory of profile \"a\""},
      {File("{ name: a }", "rest", "  repeats: 0\n"), "10:12 spec.repeats", "from 1"},
      {File("{ name: a }", "rest", "  positiveControls: maybe\n"), "10:21 spec.positiveControls", "auto, require, off"},
      {File("{ name: a }", "rest", "  detectors: late\n"), "10:14 spec.detectors", "early, distribution"},
      {File("{ name: a }", "rest", "  transient: { csd_stall: pass }\n"), "10:27 spec.transient.csd_stall",
       "fail, ignore"},
      {File("{ name: a }", "rest", "  transient: { hung_task: fail }\n"), "10:16 spec.transient.hung_task",
       "unknown key"},
      {File("{ name: a }", "rest", "  deadline: 0s\n"), "10:13 spec.deadline", "greater than 0"},
      {File("{ name: a }", "rest", "  onHang: nmi\n"), "10:11 spec.onHang", "a mapping"},
  };
  for (const Mistake& mistake : mistakes) {
    SCOPED_TRACE(mistake.yaml);
    const std::vector<std::string> errors = Errors(Parse(mistake.yaml));
    ASSERT_EQ(errors.size(), 1u) << testing::PrintToString(errors);
    EXPECT_THAT(errors[0], testing::StartsWith(mistake.place));
    EXPECT_THAT(errors[0], HasSubstr(mistake.message));
  }
}

TEST(Spec, RefusesInvalidKernelSelectors) {
  const auto kernels = [](std::string_view list) {
    return Parse("apiVersion: lk/v1\nkind: Campaign\nmetadata: { name: n }\nspec:\n  kernels: " + std::string(list) +
                 "\n  profiles: [ { name: a } ]\n  scenarios: [ rest ]\n");
  };
  EXPECT_THAT(Errors(kernels("[ { match: a, label: b=c } ]")),
              ElementsAre(HasSubstr("5:14 spec.kernels[0]: expected exactly one")));
  EXPECT_THAT(Errors(kernels("[ { newest: 3 } ]")), ElementsAre(HasSubstr("exactly one of")));
  EXPECT_THAT(Errors(kernels("[ { label: next } ]")), ElementsAre(HasSubstr("expected key=value")));
  EXPECT_THAT(Errors(kernels("[]")), ElementsAre(HasSubstr("5:12 spec.kernels: the list is empty")));
  EXPECT_THAT(Errors(kernels("6.1")), ElementsAre(HasSubstr("expected a list, found a single value")));
}

TEST(Spec, AppliesOverrides) {
  const SpecResult result =
      Parse(File(), {"spec.profiles[0].vcpus=4", "spec.retries={error: 7}", "metadata.labels.tree=next",
                     "spec.scenarios[0]={name: rest, duration: 3s}"});
  ASSERT_THAT(Errors(result), IsEmpty());
  EXPECT_EQ(result.spec.profiles[0].vcpus, 4u);
  EXPECT_EQ(result.spec.retries_error, 7u);
  EXPECT_THAT(result.spec.labels, ElementsAre(Pair("tree", "next")));
  EXPECT_EQ(result.spec.scenarios[0].duration, absl::Seconds(3));
}

TEST(Spec, ReportsErrorsInOverridesWithoutAPosition) {
  EXPECT_THAT(
      Errors(Parse(File(), {"spec.profiles[0].memory=12", "spec.repeat=2"})),
      ElementsAre(testing::StartsWith("0:0 spec.profiles[0].memory: "), testing::StartsWith("0:0 spec.repeat: ")));
  EXPECT_THAT(Errors(Parse(File(), {"spec.repeats", "spec.profiles[3].vcpus=1", "kind.x=1", "a..b=1", "spec.repeats=[",
                                    "kind[0]=1"})),
              ElementsAre(HasSubstr("\"=\" is missing"), HasSubstr("index 3 is out of range (list length: 1)"),
                          HasSubstr("no mapping"), HasSubstr("malformed"), HasSubstr("invalid YAML value"),
                          HasSubstr("no list")));
}

TEST(Spec, SurvivesAFileThatRefersToItself) {
  EXPECT_FALSE(Parse("&a { apiVersion: *a, kind: *a, metadata: *a, spec: *a }").ok());
}

TEST(Spec, LimitsErrorsInAFileThatAliasesMakeHuge) {
  std::string unknown;
  std::string aliases;
  for (int i = 0; i < 2000; ++i) {
    unknown += fmt::format("k{}: 1, ", i);
    aliases += "*a, ";
  }
  const SpecResult result = Parse("spec: { kernels: [ &a {" + unknown + "}, " + aliases + "] }");
  EXPECT_LT(result.errors.size(), 1100u);
}

TEST(CheckParameter, ReturnsTheFormUsedInLeases) {
  const auto& parameters = Swarm().parameters();
  EXPECT_EQ(CheckParameter(parameters[0], "512MiB").value(), "536870912");
  EXPECT_EQ(CheckParameter(parameters[1], "64").value(), "64");
  EXPECT_EQ(CheckParameter(parameters[2], "1.5ms").value(), "1500000");
  EXPECT_EQ(CheckParameter(parameters[3], "false").value(), "false");
  EXPECT_EQ(CheckParameter(parameters[4], "down").value(), "down");
  EXPECT_FALSE(CheckParameter(parameters[1], "64x").ok());
  EXPECT_FALSE(CheckParameter(parameters[1], "").ok());
  EXPECT_FALSE(CheckParameter(parameters[2], "5").ok());
  EXPECT_FALSE(CheckParameter(parameters[3], "yes").ok());
}

TEST(Spec, MistakesInKnownProblemsHavePositions) {
  EXPECT_THAT(Errors(Parse(File("{ name: small }", "rest",
                                "  known:\n"
                                "    - { title: WARNING in f, until: tomorrow }\n"))),
              ElementsAre("11:7 spec.known[0]: \"reason\" is missing",
                          HasSubstr("11:37 spec.known[0].until: invalid date \"tomorrow\"")));
}

TEST(Spec, AFileWithKnownProblemsIsAnOverride) {
  const std::string list = "- title: BUG in f\n  reason: bug 7\n  until: 2027-03-31\n- title: BUG in g\n";
  EXPECT_THAT(Errors(Parse(File(), {"spec.known=" + list})),
              ElementsAre("0:0 spec.known[1]: \"reason\" is missing", "0:0 spec.known[1]: \"until\" is missing"));
}

}  // namespace
}  // namespace lk::campaign
