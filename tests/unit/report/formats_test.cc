// SPDX-License-Identifier: Apache-2.0
// The output of each format for one campaign with everything in it. The golden files are also checked against the
// formats' own schemas and parsers (schemas/); LK_UPDATE_GOLDEN=1 rewrites them.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <pugixml.hpp>
#include <set>

#include "server/report/outcome.h"
#include "tests/unit/report/report_sample.h"

namespace lk::report {
namespace {

using campaign::RunState;
using campaign::Verdict;
using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

void ExpectGolden(const std::string& name, const std::string& text) {
  const std::filesystem::path path = std::filesystem::path(LK_GOLDEN_DIR) / name;
  if (std::getenv("LK_UPDATE_GOLDEN") != nullptr) std::ofstream(path, std::ios::binary) << text;
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(text == std::string(std::istreambuf_iterator<char>(file), {})) << "golden file: " << path;
}

pugi::xml_document Parse(const std::string& text) {
  pugi::xml_document document;
  const pugi::xml_parse_result result =
      document.load_string(text.c_str(), pugi::parse_default | pugi::parse_doctype | pugi::parse_ws_pcdata);
  EXPECT_TRUE(result) << result.description() << " at " << result.offset;
  return document;
}

// ---- verdicts -----------------------------------------------------------------------------------------------------

TEST(Verdicts, AreMappedToEachFormat) {
  struct Row {
    Verdict verdict;
    const char* kcidb;
    bool ok;
    const char* directive;
    const char* junit;
    const char* github_status;
    const char* github_check;
    const char* gitlab_status;
  };
  for (const Row& row : {Row{Verdict::kPass, "PASS", true, "", "", "success", "success", "success"},
                         Row{Verdict::kFail, "FAIL", false, "", "failure", "failure", "failure", "failed"},
                         Row{Verdict::kError, "ERROR", false, "ERROR", "error", "error", "failure", "failed"},
                         Row{Verdict::kMiss, "MISS", false, "ERROR", "error", "error", "failure", "failed"},
                         Row{Verdict::kSkip, "SKIP", true, "SKIP", "skipped", "success", "skipped", "success"},
                         Row{Verdict::kUnproven, "ERROR", false, "ERROR", "error", "error", "failure", "failed"}}) {
    const VerdictWords& words = WordsOf(row.verdict);
    EXPECT_EQ(words.kcidb, row.kcidb);
    EXPECT_EQ(words.ktap_ok, row.ok);
    EXPECT_EQ(words.ktap_directive, row.directive);
    EXPECT_EQ(words.junit, row.junit);
    EXPECT_EQ(words.github_status, row.github_status);
    EXPECT_EQ(words.github_check, row.github_check);
    EXPECT_EQ(words.gitlab_status, row.gitlab_status);
  }
}

TEST(Verdicts, OfAnUnfinishedRunIsError) {
  campaign::Run run;
  run.state = RunState::kFinishing;
  run.verdict = Verdict::kPass;
  EXPECT_EQ(Reported(run).verdict, Verdict::kError);
  EXPECT_THAT(Reported(run).reason, HasSubstr("not finished"));
  run.control = true;
  EXPECT_EQ(ReportedControl(run).verdict, Verdict::kError);
}

TEST(Verdicts, OfAControlAreReversed) {
  campaign::Run run;
  run.control = true;
  run.state = RunState::kDone;
  run.verdict = Verdict::kFail;
  EXPECT_EQ(ReportedControl(run).verdict, Verdict::kError) << "failed without a symptom of the mutant";
  run.symptom = "invariant";
  EXPECT_EQ(ReportedControl(run).verdict, Verdict::kPass);
  run.verdict = Verdict::kPass;
  EXPECT_EQ(ReportedControl(run).verdict, Verdict::kUnproven);
  run.verdict = Verdict::kMiss;
  EXPECT_EQ(ReportedControl(run).verdict, Verdict::kError);
}

TEST(Sample, HasEveryVerdict) {
  std::set<Verdict> verdicts;
  for (const campaign::Run& run : SampleReport().runs) verdicts.insert(run.verdict);
  EXPECT_EQ(verdicts.size(), 6u);
}

// ---- machine formats ----------------------------------------------------------------------------------------------

TEST(Junit, Golden) {
  ExpectGolden("junit.xml", ToJunit(SampleReport()));
}

TEST(Junit, HasTheCountsOfTheCampaign) {
  const CampaignReport report = SampleReport();
  const campaign::Counts counts = campaign::Count(report.runs);
  const pugi::xml_document document = Parse(ToJunit(report));
  const pugi::xml_node root = document.child("testsuites");
  // One mutant has survived, which is an error in the suite of controls.
  EXPECT_EQ(root.attribute("tests").as_uint(), counts.total + counts.controls);
  EXPECT_EQ(root.attribute("failures").as_uint(), counts.fail);
  EXPECT_EQ(root.attribute("errors").as_uint(), counts.error + counts.miss + counts.unproven + 1);
  EXPECT_EQ(root.attribute("skipped").as_uint(), counts.skip);
  EXPECT_EQ(document.select_nodes("//testcase").size(), root.attribute("tests").as_uint());
  EXPECT_EQ(document.select_nodes("//failure").size(), counts.fail);
}

TEST(Junit, EscapesTextFromTheGuest) {
  const pugi::xml_document document = Parse(ToJunit(SampleReport()));
  EXPECT_TRUE(document.select_nodes("//script").empty());
  const std::string failure = document.select_node("//failure[@type='soft_lockup']").node().text().get();
  EXPECT_THAT(failure, HasSubstr(kMarkup));
  EXPECT_THAT(failure, HasSubstr("\\x1b[31mred\\xff"));
}

TEST(Ktap, Golden) {
  ExpectGolden("report.ktap", ToKtap(SampleReport()));
}

TEST(Ktap, DoesNotLetAGuestForgeResults) {
  CampaignReport report = SampleReport();
  for (campaign::Run& run : report.runs) {
    run.reason = "one\nok 99 forged # SKIP";
    for (campaign::Finding& finding : run.findings) finding.title = finding.excerpt = "x\r\nok 99 forged\n1..7\nok 98";
  }
  std::istringstream lines(ToKtap(report));
  for (std::string line; std::getline(lines, line);) {
    const std::string_view text = std::string_view(line).substr(line.starts_with("  ") ? 2 : 0);
    EXPECT_FALSE(text.starts_with("ok 9") || text.starts_with("1..7")) << line;
  }
}

TEST(Kcidb, Golden) {
  ExpectGolden("kcidb.json", ToKcidb(SampleReport(), "lk"));
}

TEST(Kcidb, WaivesControlsAndSupersededAttempts) {
  const CampaignReport report = SampleReport();
  const json kcidb = json::parse(ToKcidb(report, "my_ci"));
  size_t tests = 0;
  for (const json& test : kcidb["tests"]) {
    if (test["status"] == "DONE") continue;
    const auto run = std::ranges::find_if(
        report.runs, [&](const campaign::Run& r) { return "my_ci:" + r.id == test["id"].get<std::string>(); });
    ASSERT_NE(run, report.runs.end()) << test["id"];
    EXPECT_EQ(test["status"].get<std::string>(), WordsOf(run->verdict).kcidb);
    EXPECT_EQ(test["waived"].get<bool>(), run->control || run->superseded);
    EXPECT_EQ(test["environment"]["misc"]["emulated"].get<bool>(), run->emulated);
    ++tests;
  }
  EXPECT_EQ(tests, report.runs.size());
  EXPECT_EQ(kcidb["builds"].size(), 3u);
}

TEST(Kcidb, HasMeasurementsAndCommits) {
  CampaignReport report = SampleReport();
  for (campaign::Run& run : report.runs) run.provenance.kernel_commit = std::string(40, 'a');
  const json kcidb = json::parse(ToKcidb(report, "lk"));
  EXPECT_EQ(kcidb["checkouts"][0]["git_commit_hash"].get<std::string>(), std::string(40, 'a'));
  const json& tests = kcidb["tests"];
  const auto measured = std::find_if(tests.begin(), tests.end(), [](const json& t) { return t["status"] == "DONE"; });
  ASSERT_NE(measured, tests.end());
  EXPECT_EQ((*measured)["path"].get<std::string>(), "lk.baseline.hotplug.timer_wakeup_p99");
  EXPECT_NEAR((*measured)["number"]["value"].get<double>(), 2.4e-4, 1e-4);
  EXPECT_EQ((*measured)["number"]["unit"].get<std::string>(), "s");
}

TEST(Kcidb, NamesTestsByScenarioAndProfile) {
  CampaignReport report = SampleReport();
  for (campaign::Run& run : report.runs) {
    run.profile = "of mine.2";
    run.arch = campaign::Arch::kAarch64;
  }
  const json kcidb = json::parse(ToKcidb(report, "lk"));
  const campaign::Run& first = report.runs[0];
  EXPECT_EQ(kcidb["tests"][0]["path"].get<std::string>(), "lk." + first.scenario + ".of_mine_2");
  EXPECT_EQ(kcidb["tests"][0]["environment"]["misc"]["profile"].get<std::string>(), "of mine.2");
  EXPECT_EQ(kcidb["builds"][0]["architecture"].get<std::string>(), "arm64");
}

TEST(Kcidb, AcceptsOnlyOriginsThatTheSchemaAllows) {
  EXPECT_TRUE(CheckOrigin("my_ci2").ok());
  for (const char* origin : {"", "My", "a-b", "a:b", "a b"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(CheckOrigin(origin))) << origin;
  }
}

// ---- html ---------------------------------------------------------------------------------------------------------

TEST(Html, Golden) {
  ExpectGolden("report.html", ToHtml(SampleReport()));
}

class HtmlTree : public testing::Test {
 protected:
  const CampaignReport report_ = SampleReport();
  const std::string html_ = ToHtml(report_);
  const pugi::xml_document document_ = Parse(html_);
};

TEST_F(HtmlTree, HasNoScriptAndFetchesNothing) {
  EXPECT_THAT(html_, Not(HasSubstr("<script")));
  for (const char* path : {"//script", "//link", "//img", "//iframe", "//object", "//form", "//base", "//@src"}) {
    EXPECT_TRUE(document_.select_nodes(path).empty()) << path;
  }
  EXPECT_THAT(html_, Not(HasSubstr("url(")));
  EXPECT_THAT(html_, Not(HasSubstr("http://")));
  EXPECT_THAT(html_, Not(HasSubstr("https://")));
  EXPECT_THAT(html_, HasSubstr("Content-Security-Policy"));
}

TEST_F(HtmlTree, EscapesTextFromTheGuest) {
  bool console = false;
  for (const auto& pre : document_.select_nodes("//pre")) {
    const std::string text = pre.node().text().get();
    EXPECT_EQ(text.find('\x1b'), std::string::npos);
    console = console || (text.starts_with("Linux version") && text.find(kMarkup) != std::string::npos &&
                          text.find("\\xe2\\x80\\xae"
                                    "abc") != std::string::npos);
  }
  EXPECT_TRUE(console);
}

TEST_F(HtmlTree, HasAnAnchorForEachRunAndNoBrokenLinks) {
  std::set<std::string> ids;
  for (const auto& id : document_.select_nodes("//@id")) {
    EXPECT_TRUE(ids.insert(id.attribute().value()).second) << "duplicate id: " << id.attribute().value();
  }
  for (const campaign::Run& run : report_.runs) EXPECT_TRUE(ids.contains("run-" + run.id)) << run.id;
  const auto links = document_.select_nodes("//a/@href");
  EXPECT_GT(links.size(), report_.runs.size());
  for (const auto& link : links) {
    const std::string target = link.attribute().value();
    ASSERT_TRUE(target.starts_with('#')) << target;
    EXPECT_TRUE(ids.contains(target.substr(1))) << target;
  }
}

TEST_F(HtmlTree, BeginsWithTheFunctionThatFailed) {
  const pugi::xml_node first = document_.child("html").child("body").child("section");
  EXPECT_STREQ(first.attribute("id").value(), "findings");
  EXPECT_STREQ(first.select_node(".//article//b").node().text().get(), "crash_handle_hotplug_event");
  EXPECT_THAT(html_, HasSubstr("at kernel/crash_core.c:512"));
}

TEST_F(HtmlTree, SaysHowToRepeatARun) {
  const pugi::xml_node run = document_.select_node("//article[@id='run-c1jd2k4ab12-007']").node();
  ASSERT_TRUE(run);
  bool found = false;
  for (const auto& pre : run.select_nodes(".//pre")) {
    const std::string text = pre.node().text().get();
    found = found || (text.starts_with("lkctl campaign start - --wait <<'END'\n") &&
                      text.find("kernels: [kba9876543210]") != std::string::npos &&
                      text.find("seed: 1007") != std::string::npos && text.find("baseline") == std::string::npos);
  }
  EXPECT_TRUE(found);
}

TEST(Html, HasABoundedSizeWithManyRuns) {
  CampaignReport report = SampleReport();
  const campaign::Run model = report.runs[2];
  for (uint32_t i = 1000; i < 9000; ++i) {
    campaign::Run& run = report.runs.emplace_back(model);
    run.id = fmt::format("{}-{}", model.campaign_id, i);
    run.cell = i;
  }
  const std::string html = ToHtml(report);
  EXPECT_LT(html.size(), 8u << 20);
  EXPECT_THAT(html, HasSubstr(fmt::format("{} runs in all", report.runs.size())));
  for (const char* run : {"run-c1jd2k4ab12-007", "run-c1jd2k4ab12-1000"}) {
    EXPECT_THAT(html, HasSubstr(fmt::format("id=\"{}\"", run)));
  }
}

TEST(Html, ShowsACampaignThatHasBarelyBegun) {
  CampaignReport report = SampleReport();
  report.campaign.verdict.reset();
  report.campaign.state = campaign::CampaignState::kQueued;
  report.runs.resize(3);
  for (campaign::Run& run : report.runs) {
    run = {};
    run.id = fmt::format("c1jd2k4ab12-{}", &run - report.runs.data());
    run.created = absl::FromUnixSeconds(1);
    run.started = run.finished = absl::InfinitePast();
  }
  EXPECT_THAT(ToHtml(report), HasSubstr("pending"));
  EXPECT_THAT(ToJunit(report), HasSubstr("not finished: queued"));
  EXPECT_THAT(ToKtap(report), HasSubstr("# ERROR not finished: queued"));
  EXPECT_TRUE(json::parse(ToKcidb(report, "lk"))["tests"].empty());
}

}  // namespace
}  // namespace lk::report
