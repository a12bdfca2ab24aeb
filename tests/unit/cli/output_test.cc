// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <yaml-cpp/yaml.h>

#include "cli/exit_code.h"
#include "cli/output/campaign_view.h"
#include "cli/output/json.h"
#include "cli/output/progress.h"
#include "cli/output/run_view.h"
#include "harness.h"
#include "samples.h"

namespace lk::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Text, EscapesTerminalControls) {
  EXPECT_EQ(Escape("a\x1b[2Jb\r\n"), "a\\x1b[2Jb\\x0d\\x0a");
  EXPECT_EQ(Escape("line\n\tnext\a", "\n\t"), "line\n\tnext\\x07");
  EXPECT_EQ(Escape("caf\xc3\xa9 \xe6\xbc\xa2"), "caf\xc3\xa9 \xe6\xbc\xa2");
  EXPECT_EQ(Escape("\xc2\x9b"), "\\xc2\\x9b") << "an 8-bit CSI (C1) is escaped";
  EXPECT_EQ(Escape("\xff\xc3"), "\\xff\\xc3") << "bytes that are not UTF-8 are escaped";
  EXPECT_EQ(Escape("\xc0\x9b"), "\\xc0\\x9b") << "an overlong encoding is escaped";
  EXPECT_EQ(Escape("\xe2\x80\xae"), "\\xe2\\x80\\xae") << "a right-to-left override is escaped";
  EXPECT_EQ(Escape(std::string_view("\0", 1)), "\\x00");
}

TEST(Text, MeasuresColumns) {
  EXPECT_EQ(DisplayWidth("abc"), 3u);
  EXPECT_EQ(DisplayWidth("caf\xc3\xa9"), 4u);
  EXPECT_EQ(DisplayWidth("\xe6\xbc\xa2\xe5\xad\x97"), 4u) << "a wide character takes two columns";
  EXPECT_EQ(DisplayWidth("e\xcc\x81"), 1u) << "a combining accent takes no column";
}

TEST(Text, Shortens) {
  EXPECT_EQ(Shorten("abcdef", 6), "abcdef");
  EXPECT_EQ(Shorten("abcdefg", 6), "abc...");
  EXPECT_EQ(Shorten("\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2", 5), "\xe6\xbc\xa2...") << "a character is never split";
}

TEST(Table, AlignsByWidthAndHasNoTrailingSpaces) {
  Table table({"NAME", ">SIZE", "NOTE"});
  table.Add({"\xe6\xbc\xa2\xe5\xad\x97", "7", ""});
  table.Add({"plain", "1234", "x\ny"});
  std::ostringstream out;
  table.Print(out, false);
  EXPECT_EQ(out.str(),
            "NAME   SIZE  NOTE\n"
            "\xe6\xbc\xa2\xe5\xad\x97      7\n"
            "plain  1234  x\\x0ay\n");
}

TEST(Table, UsesColourOnlyIfEnabled) {
  Table table({"VERDICT"});
  table.Add({Cell("fail", ColorOf("fail"))});
  std::ostringstream plain, coloured;
  table.Print(plain, false);
  table.Print(coloured, true);
  EXPECT_THAT(plain.str(), Not(HasSubstr("\x1b")));
  EXPECT_THAT(coloured.str(), HasSubstr("\x1b[31mfail\x1b[0m"));
}

TEST(CampaignView, Golden) {
  std::ostringstream out;
  ShowCampaign(SampleCampaign(), absl::UTCTimeZone(), false, out);
  ExpectGolden("campaign_show.txt", out.str());
}

TEST(CampaignView, UnfinishedCampaignShowsPendingRunsBuildsAndProfiles) {
  v1::Campaign campaign = SampleCampaign();
  campaign.set_state("running");
  campaign.clear_verdict();
  campaign.mutable_runs(0)->set_state("running");
  campaign.mutable_runs(0)->set_kernel_id("k700000000000");
  campaign.mutable_runs(1)->set_profile("plain");
  std::ostringstream out;
  ShowCampaign(campaign, absl::UTCTimeZone(), false, out);
  ExpectGolden("campaign_running.txt", out.str());
}

TEST(RunView, Golden) {
  v1::Run run = SampleRun("c00000000abc-4", "6.12.95", "crash_hotplug", "fail");
  run.set_blame("kernel");
  run.set_emulated(true);
  run.set_console_bytes(4096);
  run.set_cmdline("console=ttyS0 crashkernel=256M");
  *run.add_findings() = SampleFinding();
  v1::PhaseDuration& phase = *run.add_phases();
  phase.set_phase("boot");
  phase.set_seconds(12.034);
  v1::Counter& counter = *run.add_counters();
  counter.set_name("blocks_onlined");
  counter.set_value(96);
  counter.set_unit("1");
  run.add_skipped_parts("kexec: CONFIG_CRASH_HOTPLUG is not set");
  run.add_journal("12.034s canary seen on console");
  std::ostringstream out;
  ShowRun(run, absl::UTCTimeZone(), false, out);
  ExpectGolden("run_show.txt", out.str());
}

TEST(RunView, HungGuestGolden) {
  std::ostringstream out;
  ShowRun(SampleHungRun(), absl::UTCTimeZone(), false, out);
  ExpectGolden("run_hung.txt", out.str());
}

v1::CampaignEvent FindingEvent(const std::string& run, const std::string& title, bool open) {
  v1::CampaignEvent event;
  event.mutable_finding()->set_run_id(run);
  event.mutable_finding()->mutable_finding()->set_kind("soft_lockup");
  event.mutable_finding()->mutable_finding()->set_title(title);
  event.mutable_finding()->mutable_finding()->set_open(open);
  return event;
}

TEST(Progress, AFindingIsShownImmediatelyAndAgainOnlyIfItsTitleChanges) {
  FindingNews news;
  const auto is_news = [&](const std::string& run, const std::string& title, bool open) {
    return news.IsNews(FindingEvent(run, title, open).finding());
  };
  EXPECT_TRUE(is_news("c1-1", "BUG: soft lockup in f", true));
  EXPECT_FALSE(is_news("c1-1", "BUG: soft lockup in f", true));
  EXPECT_TRUE(is_news("c1-2", "BUG: soft lockup in f", true)) << "the same title in a different run is news";
  EXPECT_FALSE(is_news("c1-1", "BUG: soft lockup in f", false));
  EXPECT_FALSE(is_news("c1-1", "BUG: soft lockup in f", true)) << "a repeated title is not news";
  EXPECT_TRUE(is_news("c1-2", "BUG: soft lockup in g", false)) << "a changed title is news";
  EXPECT_TRUE(is_news("c1-3", "kernel panic: x", false)) << "a finding that is complete from the start is news";

  EXPECT_EQ(EventLine(FindingEvent("c1-1", "BUG: soft lockup", true), false),
            "finding     c1-1  BUG: soft lockup (incomplete)");
  EXPECT_EQ(EventLine(FindingEvent("c1-1", "BUG: soft lockup in f", false), false),
            "finding     c1-1  BUG: soft lockup in f");
}

TEST(Json, IncludesFieldsWithDefaultValues) {
  const auto json = ToJson(SampleCampaign());
  EXPECT_EQ(json["runs"][0]["emulated"], false);
  EXPECT_EQ(json["runs"][0]["findings"], nlohmann::ordered_json::array());
  EXPECT_EQ(json["runs"][0]["reason"], "");
  EXPECT_EQ(json["counts"]["miss"], 0);
  EXPECT_EQ(json["specYaml"], "");
  for (const char* key : {"id", "state", "verdict", "counts", "runs"}) EXPECT_TRUE(json.contains(key)) << key;
  for (const char* key : {"id", "kernel", "profile", "scenario", "verdict", "reason", "emulated", "findings"}) {
    EXPECT_TRUE(json["runs"][3].contains(key)) << key;
  }
  EXPECT_EQ(json["runs"][3]["findings"][0]["startOffset"], 1000);
  EXPECT_EQ(json["mutationScore"]["killed"], 1);
  EXPECT_EQ(json["mutationScore"]["all"], 2);
  EXPECT_EQ(json["mutants"][1]["state"], "survived");
  EXPECT_EQ(json["counts"]["controls"], 3);
}

TEST(Json, YamlHasTheSameContents) {
  std::istringstream in;
  std::ostringstream out, err;
  Io io{.in = in, .out = out, .err = err};
  Context context(io);
  context.format = Format::kYaml;
  v1::Campaign campaign = SampleCampaign();
  campaign.set_name("on");
  campaign.set_spec_yaml("a: \"b\"\n\tc\\\x01");
  PrintJson(context, ToJson(campaign), false);
  const YAML::Node yaml = YAML::Load(out.str());
  EXPECT_EQ(yaml["name"].as<std::string>(), "on");
  EXPECT_EQ(yaml["name"].Tag(), "!") << "the value is quoted, which makes it a string, not a boolean";
  EXPECT_EQ(yaml["specYaml"].as<std::string>(), campaign.spec_yaml());
  EXPECT_EQ(yaml["runs"].size(), static_cast<size_t>(campaign.runs_size()));
  EXPECT_EQ(yaml["runs"][3]["findings"][0]["frames"][1]["offset"].as<int>(), 0x200);
  EXPECT_EQ(yaml["runs"][0]["findings"].size(), 0u);
}

TEST(ExitCode, ForCampaigns) {
  const auto code = [](const std::function<void(v1::Counts&)>& set, const char* state = "finished") {
    v1::Campaign campaign;
    campaign.set_state(state);
    campaign.mutable_counts()->set_pass(3);
    campaign.mutable_counts()->set_skip(1);
    set(*campaign.mutable_counts());
    return ExitCodeOf(campaign);
  };
  EXPECT_EQ(code([](v1::Counts&) {}), 0);
  EXPECT_EQ(code([](v1::Counts& c) { c.set_error(1); }), 3);
  EXPECT_EQ(code([](v1::Counts& c) { c.set_miss(1); }), 3);
  EXPECT_EQ(code([](v1::Counts& c) { c.set_unproven(1); }), 3);
  EXPECT_EQ(code([](v1::Counts& c) { c.set_fail(1), c.set_error(2); }), 1);
  EXPECT_EQ(code([](v1::Counts&) {}, "cancelled"), 3);
  v1::Campaign controls;
  controls.set_verdict("unproven");
  EXPECT_EQ(ExitCodeOf(controls), 3) << "if there are only controls, the campaign's verdict decides";
}

TEST(ExitCode, ForErrors) {
  EXPECT_EQ(ExitCodeOf(absl::InvalidArgumentError("")), 2);
  EXPECT_EQ(ExitCodeOf(absl::NotFoundError("")), 2);
  EXPECT_EQ(ExitCodeOf(absl::UnavailableError("")), 4);
  EXPECT_EQ(ExitCodeOf(absl::PermissionDeniedError("")), 4);
  EXPECT_EQ(ExitCodeOf(absl::FailedPreconditionError("")), 4);
  EXPECT_EQ(ExitCodeOf(absl::CancelledError("")), 130);
}

TEST(Progress, RedrawsOnATerminalAndPrintsLinesElsewhere) {
  v1::Campaign campaign = SampleCampaign();
  v1::CampaignEvent running, done, killed;
  *running.mutable_run() = SampleRun("c00000000abc-1", "6.1.153", "baseline", "error");
  running.mutable_run()->set_state("running");
  *done.mutable_run() = SampleRun("c00000000abc-1", "6.1.153", "baseline", "pass");
  *killed.mutable_run() = SampleRun("c00000000abc-8", "6.12.95-m", "baseline", "fail");
  killed.mutable_run()->set_control(true);
  for (const bool terminal : {true, false}) {
    std::istringstream in;
    std::ostringstream out, err;
    Io io{.in = in, .out = out, .err = err};
    io.err_terminal = terminal;
    io.color = false;
    {
      CampaignProgress progress(io, campaign);
      progress.Show(running);
      progress.Tick(absl::FromUnixSeconds(1750000061));
      progress.Show(done);
      progress.Show(killed);
      progress.Tick(absl::FromUnixSeconds(1750000062));
    }
    EXPECT_EQ(out.str(), "");
    const std::string finished = "pass        c00000000abc-1  baseline  6.1.153  iommu  35.0s\n";
    const std::string control =
        "fail        c00000000abc-8  baseline  6.12.95-m  iommu  (control)  35.0s  reason of c00000000abc-8\n";
    if (terminal) {
      EXPECT_EQ(err.str(), "\r\x1b[Knightly c00000000abc: 0/10 done, 1 running  1m1s\r\x1b[K" + finished +
                               "\r\x1b[Knightly c00000000abc: 0/10 done, 1 running  1m1s\r\x1b[K" + control +
                               "\r\x1b[Knightly c00000000abc: 0/10 done, 1 running  1m1s"
                               "\r\x1b[Knightly c00000000abc: 2/10 done, 1 pass, 1 control, 0 running  1m2s\r\x1b[K");
    } else {
      EXPECT_EQ(err.str(), "running     c00000000abc-1  baseline  6.1.153  iommu\n" + finished + control);
    }
  }
}

}  // namespace
}  // namespace lk::cli
