// SPDX-License-Identifier: Apache-2.0
#include "cli/output/progress.h"

#include <fmt/format.h>

#include <array>
#include <ostream>

#include "cli/output/run_view.h"
#include "cli/output/text.h"
#include "support/proto_time.h"
#include "support/quantity.h"

namespace lk::cli {

bool FindingNews::IsNews(const v1::RunFinding& finding) {
  return said_.emplace(finding.run_id(), FindingTitle(finding.finding())).second;
}

std::string EventLine(const v1::CampaignEvent& event, bool color) {
  const auto line = [&](std::string_view word, const std::string& rest) {
    const bool judges = !event.run().control();
    return Paint(fmt::format("{:<10}", Escape(std::string(word))), ColorOf(word), color && judges) + "  " +
           Escape(rest);
  };
  switch (event.event_case()) {
    case v1::CampaignEvent::kCampaign: {
      const v1::Campaign& campaign = event.campaign();
      return line(campaign.state(),
                  fmt::format("{}{}{}", campaign.id(), campaign.verdict().empty() ? "" : "  ", campaign.verdict()));
    }
    case v1::CampaignEvent::kRun: {
      const v1::Run& run = event.run();
      std::string rest = fmt::format("{}  {}  {}  {}{}", run.id(), run.scenario(), run.kernel(), run.profile(),
                                     run.control() ? "  (control)" : "");
      if (run.state() != "done") return line(run.state(), rest);
      if (run.has_started() && run.has_finished())
        rest += "  " + lk::FormatDuration(ToTime(run.finished()) - ToTime(run.started()));
      if (!run.reason().empty() && run.verdict() != "pass") rest += "  " + run.reason();
      return line(run.verdict(), rest);
    }
    case v1::CampaignEvent::kFinding:
      return line("finding", fmt::format("{}  {}{}", event.finding().run_id(), FindingTitle(event.finding().finding()),
                                         event.finding().finding().open() ? " (incomplete)" : ""));
    case v1::CampaignEvent::EVENT_NOT_SET:
      break;
  }
  return line("event", std::to_string(event.sequence()));
}

CampaignProgress::CampaignProgress(Io& io, const v1::Campaign& campaign) : io_(io), line_(io), campaign_(campaign) {}

void CampaignProgress::Show(const v1::CampaignEvent& event) {
  if (event.has_campaign()) {
    const std::string name = campaign_.name();
    campaign_ = event.campaign();
    if (campaign_.name().empty()) campaign_.set_name(name);
  }
  // A run and its retries share the ID up to the dot.
  if (event.has_run()) runs_[event.run().id().substr(0, event.run().id().find('.'))] = event.run();

  if (event.has_finding() && !news_.IsNews(event.finding())) return;
  const bool finished_run = event.has_run() && event.run().state() == "done";
  if (!io_.err_terminal || finished_run || event.has_finding())
    line_.Print(EventLine(event, io_.color && io_.err_terminal));
}

void CampaignProgress::Tick(absl::Time now) {
  static constexpr std::array<std::string_view, 6> kVerdicts = {"pass", "fail", "error", "miss", "unproven", "skip"};
  std::array<size_t, kVerdicts.size()> verdicts{};
  size_t done = 0;
  size_t controls = 0;
  size_t active = 0;
  for (const auto& [id, run] : runs_) {
    if (run.state() == "done") {
      ++done;
      if (run.control()) {
        ++controls;
        continue;
      }
      for (size_t i = 0; i < kVerdicts.size(); ++i) verdicts[i] += run.verdict() == kVerdicts[i] ? 1 : 0;
    } else if (run.state() != "queued") {
      ++active;
    }
  }
  std::string text = fmt::format("{} {}: {}/{} done", campaign_.name(), campaign_.id(), done,
                                 campaign_.counts().total() + campaign_.counts().controls());
  for (size_t i = 0; i < kVerdicts.size(); ++i) {
    if (verdicts[i] > 0) text += fmt::format(", {} {}", verdicts[i], kVerdicts[i]);
  }
  if (controls > 0) text += fmt::format(", {} control", controls);
  text += fmt::format(", {} running", active);
  if (campaign_.has_created())
    text += "  " + absl::FormatDuration(absl::Trunc(now - ToTime(campaign_.created()), absl::Seconds(1)));
  line_.Set(Escape(text));
}

}  // namespace lk::cli
