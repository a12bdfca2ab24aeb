// SPDX-License-Identifier: Apache-2.0
#include "server/webhooks/inbound/rules.h"

#include <gmock/gmock.h>

#include "lk/v1/scenario.pb.h"
#include "server/campaign/spec.h"
#include "tests/unit/webhooks/fixture.h"

namespace lk::webhooks {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Event Push() {
  Event event;
  event.source = "github";
  event.type = "push";
  event.repository = "octo/linux";
  event.branch = "main";
  event.commit = kCommit;
  event.delivery = "d1";
  return event;
}
config::WebhookRule Rule() {
  config::WebhookRule rule;
  rule.name = "next";
  rule.source = "github";
  rule.event = "push";
  rule.repository = "octo/linux";
  return rule;
}
bool Fits(const config::WebhookRule& rule, const Event& event) {
  return FindRule({rule}, event) != nullptr;
}

TEST(Rules, MatchSourceEventRepositoryAndBranch) {
  EXPECT_TRUE(Fits(Rule(), Push()));
  config::WebhookRule rule = Rule();
  rule.source = "gitlab";
  EXPECT_FALSE(Fits(rule, Push()));
  rule = Rule();
  rule.event = "release";
  EXPECT_FALSE(Fits(rule, Push()));
  rule = Rule();
  rule.repository = "octo/*";
  EXPECT_TRUE(Fits(rule, Push()));
  rule.repository = "*";
  EXPECT_FALSE(Fits(rule, Push())) << "* does not match /";
  rule = Rule();
  rule.branches = {"next", "ma*"};
  EXPECT_TRUE(Fits(rule, Push()));
  Event event = Push();
  event.branch = "ma/x";
  EXPECT_FALSE(Fits(rule, event));
  event.branch = "";
  event.tag = "main";
  EXPECT_FALSE(Fits(rule, event)) << "a tag is not a branch";
  rule.tags = {"m*"};
  EXPECT_TRUE(Fits(rule, event));
  event = Push();
  event.idle = true;
  EXPECT_FALSE(Fits(Rule(), event));
}

TEST(Rules, ForksAndFailuresMustBeRequested) {
  config::WebhookRule rule = Rule();
  rule.event = "workflow_run";
  Event event = Push();
  event.type = "workflow_run";
  event.status = "success";
  EXPECT_TRUE(Fits(rule, event));
  event.status = "failure";
  EXPECT_FALSE(Fits(rule, event));
  event.status = "success";
  event.fork = true;
  EXPECT_FALSE(Fits(rule, event));
  rule.forks = true;
  EXPECT_TRUE(Fits(rule, event));
}

TEST(Rules, FirstMatchApplies) {
  config::WebhookRule first = Rule(), second = Rule();
  first.branches = {"next"};
  second.name = "second";
  EXPECT_EQ(FindRule({first, second, Rule()}, Push())->name, "second");
}

TEST(Rules, VariablesInUrlsAreExpanded) {
  config::WebhookRule rule = Rule();
  rule.artifacts = {
      {.url = "https://a.test/${repository}/${commit}/linux image.deb?b=${branch}", .name = "", .role = "image"}};
  Event event = Push();
  event.branch = "x?y&z#%2e ä";
  const auto files = WantedFiles(rule, event).value();
  ASSERT_EQ(files.size(), 1u);
  EXPECT_EQ(files[0].url, "https://a.test/octo/linux/" + kCommit + "/linux image.deb?b=x%3Fy%26z%23%252e%20%C3%A4");
  EXPECT_EQ(files[0].role, "image");
  for (const char* branch : {"", "..", "../../etc", "a/../b", "a/./b", "/a", "a//b", "."}) {
    event.branch = branch;
    EXPECT_TRUE(absl::IsInvalidArgument(WantedFiles(rule, event).status())) << branch;
  }
  rule.artifacts[0].url = "https://a.test/${kernel}";
  EXPECT_THAT(std::string(WantedFiles(rule, Push()).status().message()), HasSubstr("unknown variable ${kernel}"));
}

TEST(Rules, ArtifactsOfTheEventAreSelectedByName) {
  config::WebhookRule rule = Rule();
  rule.artifacts = {{.url = "", .name = "linux-image-*.deb", .role = "debian_package"}};
  Event event = Push();
  EXPECT_TRUE(absl::IsNotFound(WantedFiles(rule, event).status()));
  event.artifacts = {{"linux-image-6.12.deb", "https://a.test/x/..?q=/../passwd", std::string(64, 'f')},
                     {"notes", "u", ""}};
  const auto files = WantedFiles(rule, event).value();
  ASSERT_EQ(files.size(), 1u);
  EXPECT_EQ(files[0].sha256, std::string(64, 'f'));
  EXPECT_THAT(files[0].name, testing::Not(HasSubstr("/")));
  event.artifacts.push_back({"linux-image-6.13.deb", "u", ""});
  EXPECT_TRUE(absl::IsNotFound(WantedFiles(rule, event).status())) << "two artifacts match";
}

TEST(Rules, ValuesAreSubstitutedAsTheRuleDeclares) {
  config::WebhookRule rule = Rule();
  rule.set = {{"metadata.labels.tree", "branch"}};
  EXPECT_THAT(Substitutions(rule, Push(), "k0123456789ab").value(),
              ElementsAre(R"(spec.kernels=["k0123456789ab"])", R"(metadata.labels.repository="octo/linux")",
                          R"(metadata.labels.ref="main")", R"(metadata.labels.commit=")" + kCommit + "\"",
                          R"(metadata.labels.tree="main")"));
  rule.set = {{"metadata.labels.tag", "tag"}};
  EXPECT_TRUE(absl::IsInvalidArgument(Substitutions(rule, Push(), "").status()));
}

// Whatever the name of a branch is, it becomes a single string in the file.
TEST(Rules, ValuesAreNeverYaml) {
  constexpr char kTemplate[] = R"(apiVersion: lk/v1
kind: Campaign
metadata: { name: t }
spec:
  kernels: [ { match: "*" } ]
  profiles: [ { name: small, vcpus: 2, memory: 1GiB, cmdline: "quiet" } ]
  scenarios: [ { name: baseline } ]
)";
  v1::ScenarioDescriptor baseline;
  baseline.set_name("baseline");
  baseline.mutable_default_duration()->set_seconds(1);
  baseline.mutable_hard_cap()->set_seconds(10);
  config::WebhookRule rule = Rule();
  rule.set = {{"metadata.labels.branch", "branch"}};
  for (const char* branch : {"a: b",   "{ x: y }",
                             "[1, 2]", "\"], kernels: [\"evil",
                             "'",      "\"",
                             "\\",     "\\\"",
                             "#",      "&anchor",
                             "*alias", "!!int 3",
                             "null",   "~",
                             "true",   "- x",
                             "|",      ">",
                             "%TAG",   "@",
                             "`",      "x\"\nspec: {}",
                             "ä€😀",    "${commit}",
                             "a=b"}) {
    Event event = Push();
    event.branch = branch;
    // Events with newlines are refused before any rule is applied; ParseSpec refuses them, too.
    const auto set = Substitutions(rule, event, "").value();
    const campaign::SpecResult result = campaign::ParseSpec(kTemplate, set, {baseline});
    if (std::string_view(branch).find('\n') != std::string_view::npos) {
      EXPECT_FALSE(result.ok());
      continue;
    }
    ASSERT_TRUE(result.ok()) << branch << ": " << result.errors[0].message;
    EXPECT_EQ(result.spec.labels.at("branch"), branch);
    EXPECT_EQ(result.spec.labels.size(), 4u);
    EXPECT_EQ(result.spec.kernels.size(), 1u);
  }
}

}  // namespace
}  // namespace lk::webhooks
