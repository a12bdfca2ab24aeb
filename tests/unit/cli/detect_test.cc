// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "harness.h"

namespace lk::cli {
namespace {

using testing::HasSubstr;

constexpr char kSoftLockup[] =
    "[    1.000000] Linux version 6.12.0 (build@host) #1 SMP\n"
    "[  100.000000] watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [trigger:77]\n"
    "[  100.000001] CPU: 1 PID: 77 Comm: trigger Not tainted 6.12.0 #1\n"
    "[  100.000002] RIP: 0010:spin_forever+0x1f/0x40\n"
    "[  100.000003] Call Trace:\n"
    "[  100.000004]  <TASK>\n"
    "[  100.000005]  spin_forever+0x1f/0x40\n"
    "[  100.000006]  do_syscall_64+0x60/0x90\n"
    "[  100.000007]  entry_SYSCALL_64_after_hwframe+0x76/0x7e\n"
    "[  100.000008]  </TASK>\n";

TEST(Detect, JsonHasTheDocumentedFields) {
  const TempDir directory;
  const std::string bad = directory.Write("bad.log", kSoftLockup);
  const std::string good = directory.Write("good.log", "[    1.000000] Linux version 6.12.0\n");
  const Result result = Lkctl({"-o", "json", "detect", bad, good});
  EXPECT_EQ(result.code, 0);
  const auto items = result.lines();
  ASSERT_EQ(items.size(), 2u);
  EXPECT_EQ(items[0]["file"], bad);
  ASSERT_EQ(items[0]["findings"].size(), 1u);
  const auto& finding = items[0]["findings"][0];
  EXPECT_EQ(finding["kind"], "soft_lockup");
  EXPECT_EQ(finding["cpu"], 1);
  EXPECT_EQ(finding["task"], "trigger:77");
  EXPECT_TRUE(finding["startOffset"].is_number_unsigned());
  EXPECT_GT(finding["endOffset"].get<uint64_t>(), finding["startOffset"].get<uint64_t>());
  EXPECT_TRUE(finding["corrupted"].is_boolean());
  EXPECT_TRUE(finding["altTitles"].is_array());
  EXPECT_TRUE(finding["frames"].is_array());
  EXPECT_FALSE(finding.contains("excerpt"));
  for (const auto& frame : finding["frames"]) {
    EXPECT_TRUE(frame["function"].is_string());
    EXPECT_TRUE(frame["offset"].is_number());
    EXPECT_TRUE(frame["module"].is_string());
  }
  EXPECT_EQ(items[1], nlohmann::json({{"file", good}, {"findings", nlohmann::json::array()}}));
}

TEST(Detect, ReadsStdinAndShowsExcerpts) {
  const Result result = Lkctl({"detect", "--show", "-"}, {.in = kSoftLockup});
  EXPECT_EQ(result.code, 0);
  EXPECT_THAT(result.out, HasSubstr("-: 1 finding\n"));
  EXPECT_THAT(result.out, HasSubstr("soft_lockup"));
  EXPECT_THAT(result.out, HasSubstr("  | "));
}

TEST(Detect, ContinuesAfterAnUnreadableFile) {
  const TempDir directory;
  const std::string bad = directory.Write("bad.log", kSoftLockup);
  const Result result = Lkctl({"-o", "json", "detect", "/nonexistent/x.log", directory.path().string(), bad});
  EXPECT_EQ(result.code, 2);
  EXPECT_EQ(result.lines().size(), 1u);
  EXPECT_THAT(result.err, HasSubstr("/nonexistent/x.log: No such file or directory"));
  EXPECT_THAT(result.err, HasSubstr(directory.path().string() + ": Is a directory"));
}

TEST(Detect, AnEmptyFileHasNoFindings) {
  const TempDir directory;
  const Result result = Lkctl({"-o", "json", "detect", directory.Write("empty", "")});
  EXPECT_EQ(result.code, 0);
  EXPECT_EQ(result.json()["findings"].size(), 0u);
}

}  // namespace
}  // namespace lk::cli
