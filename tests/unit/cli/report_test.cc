// SPDX-License-Identifier: Apache-2.0
// `lkctl kernel compare` and `lkctl campaign report`.
#include <gmock/gmock.h>

#include <fstream>

#include "cli/output/comparison_view.h"
#include "fake_lkd.h"
#include "harness.h"

namespace lk::cli {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

v1::ComparisonRow& AddRow(v1::CompareKernelsResponse& comparison, const std::string& measure, const std::string& call) {
  v1::ComparisonRow& row = *comparison.add_rows();
  row.set_scenario("crash_hotplug");
  row.set_profile("hotplug");
  row.set_accelerator("tcg");
  row.set_measure(measure);
  row.set_call(call);
  row.mutable_a()->set_runs(3);
  row.mutable_b()->set_runs(3);
  row.set_p(1);
  row.set_adjusted_p(1);
  return row;
}

// Has at least one row that is worse, better, the same and undecided, respectively.
v1::CompareKernelsResponse SampleComparison() {
  v1::CompareKernelsResponse comparison;
  comparison.mutable_a()->mutable_kernel()->set_id("k111111111111");
  comparison.mutable_a()->mutable_kernel()->set_release("6.12.90-lab");
  comparison.mutable_a()->set_counted(12);
  comparison.mutable_a()->set_repeated(1);
  comparison.mutable_a()->set_undecided(2);
  comparison.mutable_b()->mutable_kernel()->set_id("k222222222222");
  comparison.mutable_b()->mutable_kernel()->set_release("6.12.90-lab-crash_hotplug");
  (*comparison.mutable_b()->mutable_kernel()->mutable_labels())["mutant"] = "crash_hotplug";
  comparison.mutable_b()->set_counted(1);
  comparison.mutable_b()->set_controls(1);
  comparison.set_error_rate(0.05);
  comparison.set_pass_rate_margin(0.1);
  comparison.set_latency_margin(0.1);

  v1::ComparisonRow& undecided = AddRow(comparison, "attach_p99", "undecided");
  undecided.set_emulated(true);
  undecided.mutable_a()->set_value(0.0012);
  undecided.mutable_b()->set_value(0.0013);
  undecided.set_effect(1.08);
  undecided.set_delta(0.11);
  undecided.set_magnitude("negligible");
  undecided.set_lacks("12 more repeats would be enough to decide, if the observed difference is real");

  v1::ComparisonRow& worse = AddRow(comparison, "pass_rate", "worse");
  worse.mutable_a()->set_value(1);
  worse.mutable_a()->mutable_interval()->set_low(0.2924);
  worse.mutable_a()->mutable_interval()->set_high(1);
  worse.mutable_b()->mutable_interval()->set_high(0.7076);
  worse.set_effect(-1);
  worse.mutable_interval()->set_low(-1);
  worse.mutable_interval()->set_high(-0.19);
  worse.set_delta(-1);
  worse.set_magnitude("large");
  worse.set_tested(true);
  worse.set_p(0.03125);
  worse.set_adjusted_p(0.03125);

  v1::ComparisonRow& better = AddRow(comparison, "timer_wakeup_p50", "better");
  better.mutable_a()->set_value(2e-4);
  better.mutable_b()->set_value(1e-4);
  better.set_effect(0.5);
  better.mutable_interval()->set_low(0.45);
  better.mutable_interval()->set_high(0.55);
  better.set_delta(-0.98);
  better.set_magnitude("large");
  better.set_tested(true);
  better.set_adjusted_p(2e-5);

  v1::ComparisonRow& gone = AddRow(comparison, "new_probe_p50", "undecided");
  gone.mutable_a()->set_runs(0);
  gone.set_lacks("too few runs to decide (0 against 3, at least 5 each needed)");
  AddRow(comparison, "page_fault_p50", "same").set_effect(1);
  comparison.set_worse(1);
  comparison.set_better(1);
  comparison.set_same(1);
  comparison.set_undecided(2);
  return comparison;
}

// The output, with consecutive spaces collapsed into one.
std::string Shown(const v1::CompareKernelsResponse& comparison) {
  std::ostringstream out;
  ShowComparison(comparison, false, out);
  std::string text;
  for (const char c : out.str()) {
    if (c != ' ' || !text.ends_with(' ')) text += c;
  }
  return text;
}

TEST(Compare, ShowsTheWorstRowsFirst) {
  const std::string text = Shown(SampleComparison());
  EXPECT_THAT(text, HasSubstr("A 6.12.90-lab (k111111111111): 12 runs counted; retries not counted: 1; inconclusive"));
  EXPECT_THAT(text, HasSubstr("B 6.12.90-lab-crash_hotplug (k222222222222), a mutant of crash_hotplug: 1 run counted "
                              "(positive controls: 1)\n"));
  const std::string worse =
      "\nworse crash_hotplug hotplug tcg pass_rate 100% [29.2%, 100%] of 3 0% [0%, 70.8%] of 3 -100% [-100%, -19%] - "
      "0.031\n";
  const std::string better =
      "\nbetter crash_hotplug hotplug tcg timer_wakeup_p50 200us of 3 100us of 3 x0.5 [0.45, 0.55] large -0.98 "
      "<0.0001\n";
  const std::string undecided =
      "\nundecided crash_hotplug hotplug tcg, emulated attach_p99 1.20ms of 3 1.30ms of 3 x1.08 negligible +0.11 -\n";
  EXPECT_THAT(text, HasSubstr(worse));
  EXPECT_THAT(text, HasSubstr(better));
  EXPECT_THAT(text, HasSubstr(undecided));
  EXPECT_LT(text.find(worse), text.find(better));
  EXPECT_LT(text.find(better), text.find(undecided));
  EXPECT_THAT(text, HasSubstr(" new_probe_p50 no runs "));
}

TEST(Compare, ShowsWhatIsNeededToDecideAndTheErrorRate) {
  const std::string text = Shown(SampleComparison());
  EXPECT_THAT(text,
              HasSubstr(" attach_p99 12 more repeats would be enough to decide, if the observed difference is real\n"));
  EXPECT_THAT(text,
              HasSubstr("1 worse, 1 better, 1 the same (within 10% in pass rate, 10% in latency), 2 undecided.\n"));
  EXPECT_THAT(
      text,
      HasSubstr(
          "worse or better is at most 5%.\nIntervals have a confidence level of 95%; P is corrected for 2 rows.\n"));
}

TEST(Compare, SendsItsArgumentsAndFailsIfARowIsWorse) {
  FakeLkd lkd;
  lkd.reports.comparison = SampleComparison();
  const Result table = lkd.Lkctl({"kernel", "compare", "6.12.90-lab", "k2222", "--scenario", "crash_hotplug",
                                  "--error-rate", "0.01", "--pass-margin", "0.2"});
  EXPECT_EQ(table.code, 1) << table.err;
  EXPECT_THAT(table.out, HasSubstr("crash_hotplug"));
  EXPECT_EQ(lkd.reports.compared.a(), "6.12.90-lab");
  EXPECT_EQ(lkd.reports.compared.b(), "k2222");
  EXPECT_EQ(lkd.reports.compared.scenario(), "crash_hotplug");
  EXPECT_EQ(lkd.reports.compared.error_rate(), 0.01);
  EXPECT_EQ(lkd.reports.compared.pass_rate_margin(), 0.2);
  EXPECT_EQ(lkd.reports.compared.latency_margin(), 0);

  const Result json = lkd.Lkctl({"-o", "json", "kernel", "compare", "a", "b"});
  EXPECT_EQ(json.code, 1);
  EXPECT_EQ(json.json()["rows"][1]["call"], "worse");
  EXPECT_EQ(json.json()["rows"][0]["lacks"],
            "12 more repeats would be enough to decide, if the observed difference is real");

  lkd.reports.comparison.set_worse(0);
  EXPECT_EQ(lkd.Lkctl({"kernel", "compare", "a", "b"}).code, 0);
}

TEST(Compare, PrintsTheServersError) {
  FakeLkd lkd;
  lkd.reports.answer = {grpc::StatusCode::NOT_FOUND, "no kernel \"a\""};
  const Result result = lkd.Lkctl({"kernel", "compare", "a", "b"});
  EXPECT_EQ(result.code, 2);
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(result.err, "lkctl: no kernel \"a\"\n");
  EXPECT_EQ(lkd.Lkctl({"kernel", "compare", "a"}).code, 2);
  EXPECT_EQ(lkd.Lkctl({"kernel", "compare", "a", "b", "--error-rate", "2"}).code, 2);
}

std::string Read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(Report, IsWrittenToStdoutOrAFile) {
  FakeLkd lkd;
  for (int i = 0; lkd.reports.report.size() < 100'000; ++i) lkd.reports.report += std::to_string(i);
  const Result out = lkd.Lkctl({"campaign", "report", "c0", "--format", "junit"});
  EXPECT_EQ(out.code, 0) << out.err;
  EXPECT_EQ(out.out, lkd.reports.report);
  EXPECT_EQ(lkd.reports.requested.campaign_id(), "c0");
  EXPECT_EQ(lkd.reports.requested.format(), "junit");

  const TempDir directory;
  const std::string file = directory.Write("report.json", "an older report");
  const Result saved =
      lkd.Lkctl({"campaign", "report", "c0", "--format", "kcidb", "--kcidb-origin", "my_ci", "-o", file});
  EXPECT_EQ(saved.code, 0) << saved.err;
  EXPECT_EQ(saved.out, "");
  EXPECT_EQ(Read(file), lkd.reports.report);
  EXPECT_EQ(lkd.reports.requested.kcidb_origin(), "my_ci");
}

TEST(Report, KeepsTheOldFileOnError) {
  FakeLkd lkd;
  lkd.reports.report = "half";
  lkd.reports.answer = {grpc::StatusCode::UNAVAILABLE, "the store is gone"};
  const TempDir directory;
  const std::string file = directory.Write("report.html", "the older one");
  const Result result = lkd.Lkctl({"campaign", "report", "c0", "--format", "html", "-o", file});
  EXPECT_EQ(result.code, 4);
  EXPECT_EQ(Read(file), "the older one");
  size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory.path())) files += entry.exists();
  EXPECT_EQ(files, 1u);
}

TEST(Report, ReportsAnUnwritableFile) {
  FakeLkd lkd;
  const TempDir directory;
  const Result result =
      lkd.Lkctl({"campaign", "report", "c0", "--format", "html", "-o", (directory.path() / "missing" / "x").string()});
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.err, HasSubstr("missing/x: No such file or directory"));
  EXPECT_THAT(lkd.reports.requested.campaign_id(), IsEmpty()) << "no request is sent";
  EXPECT_EQ(lkd.Lkctl({"campaign", "report", "c0", "--format", "html", "-o", directory.path().string()}).code, 2);
  EXPECT_EQ(lkd.Lkctl({"campaign", "report", "c0", "--format", "pdf"}).code, 2);
  EXPECT_EQ(lkd.Lkctl({"campaign", "report", "c0"}).code, 2);
}

}  // namespace
}  // namespace lk::cli
