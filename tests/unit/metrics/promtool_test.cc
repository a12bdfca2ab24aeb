// SPDX-License-Identifier: Apache-2.0
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "tests/unit/metrics/fixture.h"

namespace lk::metrics {
namespace {

// A scrape that contains every metric.
TEST_F(MetricsTest, PromtoolFindsNoProblems) {
  if (std::system("command -v promtool >/dev/null") != 0)
    GTEST_SKIP() << "promtool is not installed (Debian package: prometheus)";
  campaign::Run run = Finished("c1-1", "6.12.1 \"odd\\", campaign::Verdict::kFail, true);
  AddKernel(run.kernel_release);
  run.findings.emplace_back().kind = detect::Kind::kSoftLockup;
  run.latencies["\u00e4\n"].Record(1);
  campaign::Run control = run;
  control.id = "c1-2";
  control.control = true;
  control.symptom = "invariant";
  control.unmutated = run.kernel_id = "k1";
  run.verdict = campaign::Verdict::kPass;
  run.sibling = true;
  store::Change change;
  change.runs = {run, control};
  change.campaigns.emplace_back().id = run.campaign_id;
  change.campaigns[0].state = campaign::CampaignState::kFinished;
  ASSERT_TRUE(store_->Apply(change).ok());
  const std::string body = Scrape();
  ASSERT_THAT(body, testing::AllOf(testing::HasSubstr("lk_finding_titles_total"), testing::HasSubstr("lk_mutants")));

  const std::string output = testing::TempDir() + "lk-promtool-" + std::to_string(getpid());
  FILE* promtool = popen(("promtool check metrics >" + output + " 2>&1").c_str(), "w");
  ASSERT_NE(promtool, nullptr);
  EXPECT_EQ(fwrite(body.data(), 1, body.size(), promtool), body.size());
  const int status = pclose(promtool);
  std::string said(4096, '\0');
  FILE* file = fopen(output.c_str(), "r");
  ASSERT_NE(file, nullptr);
  said.resize(fread(said.data(), 1, said.size(), file));
  fclose(file);
  unlink(output.c_str());
  EXPECT_EQ(WEXITSTATUS(status), 0) << said;
  EXPECT_EQ(said, "") << body;
}

}  // namespace
}  // namespace lk::metrics
