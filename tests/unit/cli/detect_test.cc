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
  const std::string good = directory.Write(
      "good.log", "[    0.000000] Linux version 6.12.0 (build@host)\n[    0.000000] Command line: quiet\n");
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
  EXPECT_EQ(finding["architecture"], "x86_64");
  EXPECT_TRUE(finding["modules"].is_array());
  EXPECT_EQ(finding["victim"], nullptr);
  EXPECT_EQ(finding["culprit"], nullptr);
  EXPECT_EQ(items[0]["container"], "console");
  EXPECT_EQ(items[0]["architecture"], "x86_64");
  EXPECT_EQ(items[0]["kernelRelease"], "6.12.0");
  EXPECT_EQ(items[1], nlohmann::json({{"file", good},
                                      {"container", "console"},
                                      {"architecture", ""},
                                      {"kernelRelease", "6.12.0"},
                                      {"findings", nlohmann::json::array()}}));
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
  const Result result = Lkctl({"-o", "json", "detect", "/nonexistent/x.log", bad});
  EXPECT_EQ(result.code, 2);
  EXPECT_EQ(result.lines().size(), 1u);
  EXPECT_THAT(result.err, HasSubstr("/nonexistent/x.log: No such file or directory"));
}

TEST(Detect, AnEmptyFileHasNoFindings) {
  const TempDir directory;
  const Result result = Lkctl({"-o", "json", "detect", directory.Write("empty", "")});
  EXPECT_EQ(result.code, 0);
  EXPECT_EQ(result.json()["findings"].size(), 0u);
}

TEST(Detect, ExitStatusReportsFindings) {
  const TempDir directory;
  const std::string bad = directory.Write("bad.log", kSoftLockup);
  const std::string good = directory.Write("good.log", "[    1.000000] Linux version 6.12.0\n");
  EXPECT_EQ(Lkctl({"detect", "--exit-status", good, bad}).code, 1);
  EXPECT_EQ(Lkctl({"detect", "--exit-status", good}).code, 0);
  EXPECT_EQ(Lkctl({"detect", "--exit-status", "--kind", "panic", bad}).code, 0);
  EXPECT_EQ(Lkctl({"detect", "--exit-status", "/nonexistent", good}).code, 2);
  EXPECT_EQ(Lkctl({"detect", "--exit-status", "/nonexistent", bad}).code, 1) << "what was found is certain";
}

TEST(Detect, SaysThatNoLineLooksLikeTheKernels) {
  const TempDir directory;
  const std::string prose = directory.Write("prose\x1b[2J.txt", "Dear all,\nplease find the log attached.\n");
  const Result result = Lkctl({"detect", "--exit-status", prose, directory.Write("empty", ""),
                               directory.Write("good.log", "[    1.000000] Linux version 6.12.0\n")});
  EXPECT_EQ(result.code, 0);
  EXPECT_EQ(result.err, "lkctl: " + directory.path().string() +
                            "/prose\\x1b[2J.txt: no line looks like the kernel's (expected a kernel log: a console "
                            "log, dmesg, journalctl -k, syslog)\n");
  EXPECT_EQ(Lkctl({"-o", "json", "detect", prose}).json()["container"], "");
}

TEST(Detect, SarifAndMarkdownAreForDetectOnly) {
  for (const std::string format : {"sarif", "markdown"}) {
    const Result result = Lkctl({"-o", format, "campaign", "list"});
    EXPECT_EQ(result.code, 2);
    EXPECT_EQ(result.out, "");
    EXPECT_THAT(result.err, HasSubstr(format + " requires the command detect (expected table, json or yaml)"));
    EXPECT_EQ(Lkctl({"detect", "-o", format}, {.in = kSoftLockup}).code, 0);
    EXPECT_EQ(Lkctl({"-o", format, "detect"}, {.in = kSoftLockup}).code, 0);
  }
}

TEST(Detect, KnownProblemsAreShownWithTheirReasons) {
  const TempDir directory;
  const std::string known =
      directory.Write("known.yaml", "- { title: \"BUG: soft lockup in spin_.*\", reason: bug 7, until: 9999-12-31 }\n");
  const Result table = Lkctl({"detect", "--known", known, "-"}, {.in = kSoftLockup});
  EXPECT_EQ(table.code, 0);
  EXPECT_EQ(table.err, "");
  EXPECT_THAT(table.out, HasSubstr("-: 1 finding, 1 known\n"));
  EXPECT_EQ(Lkctl({"detect", "--exit-status", "--known", known}, {.in = kSoftLockup}).code, 0);
  EXPECT_EQ(Lkctl({"-o", "sarif", "detect", "--known", known}, {.in = kSoftLockup})
                .json()["runs"][0]["results"][0]["suppressions"][0]["justification"],
            "bug 7");
  EXPECT_THAT(
      Lkctl({"-o", "markdown", "detect", "--known", known}, {.in = kSoftLockup}).out,
      HasSubstr("| `BUG: soft lockup in spin_forever` | soft_lockup | 2 | 1 | `trigger:77` | 1 | `known: bug 7` |\n"));
  EXPECT_THAT(table.out, HasSubstr("  TITLE                             NOTE\n"));
  EXPECT_THAT(table.out, HasSubstr("  BUG: soft lockup in spin_forever  known: bug 7\n"));
  EXPECT_THAT(Lkctl({"detect", "--show", "--known", known}, {.in = kSoftLockup}).out, HasSubstr("  known    bug 7\n"));
  EXPECT_EQ(Lkctl({"-o", "json", "detect", "--known", known}, {.in = kSoftLockup}).json()["findings"][0]["known"],
            "bug 7");
  EXPECT_THAT(Lkctl({"-o", "yaml", "detect", "--known", known}, {.in = kSoftLockup}).out,
              HasSubstr("known: \"bug 7\"\n"));
  EXPECT_EQ(Lkctl({"-o", "json", "detect"}, {.in = kSoftLockup}).json()["findings"][0]["known"], "");
}

TEST(Detect, AKnownProblemThatHasEndedIsReported) {
  const TempDir directory;
  const std::string known = directory.Write("known.yaml", "- { title: .*, reason: bug 7, until: 2000-12-31 }\n");
  const Result result = Lkctl({"detect", "--known", known}, {.in = kSoftLockup});
  EXPECT_EQ(result.code, 0);
  EXPECT_EQ(result.err, "lkctl: " + known + ": known problem \".*\" ended on 2000-12-31: it counts again\n");
  EXPECT_THAT(result.out, HasSubstr("-: 1 finding\n"));
}

TEST(Detect, MistakesInKnownProblemsAreUsageErrors) {
  const TempDir directory;
  const std::string known = directory.Write("known.yaml", "- { title: a, reason: b, until: 2027 }\n- title: c(\n");
  const Result result = Lkctl({"detect", "--known", known}, {.in = kSoftLockup});
  EXPECT_EQ(result.code, 2);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, HasSubstr("lkctl: " + known + ":1:33: [0].until: invalid date \"2027\""));
  EXPECT_THAT(result.err, HasSubstr("\n" + known + ":2:10: [1].title: invalid pattern \"c(\""));
  EXPECT_EQ(Lkctl({"detect", "--known", "/nonexistent/known.yaml"}).code, 2);
}

}  // namespace
}  // namespace lk::cli
