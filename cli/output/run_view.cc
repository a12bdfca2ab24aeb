// SPDX-License-Identifier: Apache-2.0
#include "cli/output/run_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>
#include <sstream>

#include "cli/output/table.h"
#include "cli/output/text.h"
#include "lk/v1/run.pb.h"
#include "support/quantity.h"

namespace lk::cli {
namespace {

void Heading(std::ostream& out, std::string_view text, bool color) {
  out << '\n' << Paint(text, Color::kBold, color) << '\n';
}

std::string FormatFrame(const v1::Frame& frame) {
  return fmt::format("{}+{:#x}{}{}", frame.function(), frame.offset(),
                     frame.module().empty() ? "" : " [" + frame.module() + "]",
                     frame.location().empty() ? "" : "  " + frame.location());
}

// "trigger:77 in smp_call_function_many_cond: csd_lock_wait < smp_call_function_many_cond < on_each_cpu ..."
std::string FormatStack(const v1::CpuStack& stack) {
  constexpr int kShown = 6;
  std::string text = stack.task();
  if (!stack.function().empty()) text += fmt::format("{}in {}", text.empty() ? "" : " ", stack.function());
  for (int i = 0; i < std::min(stack.frames_size(), kShown); ++i) {
    const v1::Frame& frame = stack.frames(i);
    text += fmt::format("{}{}", i == 0 ? text.empty() ? "" : ": " : " < ", frame.function());
    // Show the location of the function that the stack is named after.
    if (frame.function() == stack.function() && !frame.location().empty()) text += " (" + frame.location() + ")";
  }
  return text + (stack.frames_size() > kShown ? " ..." : "");
}

// "CPU 3, kworker/3:1:99, in f"
std::string FormatParty(const v1::Party& party) {
  std::string text = party.cpu() < 0 ? "" : fmt::format("CPU {}", party.cpu());
  if (!party.task().empty()) text += (text.empty() ? "" : ", ") + party.task();
  if (!party.function().empty()) text += (text.empty() ? "in " : ", in ") + party.function();
  return text;
}

void ShowFinding(const v1::Finding& finding, absl::TimeZone zone, bool color, std::ostream& out) {
  const auto field = [&](std::string_view name, const std::string& value) {
    if (!value.empty()) out << fmt::format("    {:<11}  {}\n", name, Escape(value));
  };
  out << "  " << Paint(Escape(finding.kind()), HeldAgainstKernel(finding) ? Color::kRed : Color::kDim, color) << "  "
      << Escape(FindingTitle(finding)) << (finding.open() ? " (incomplete)" : "") << '\n';
  field("known", finding.known());
  field("not trusted", finding.distrust());
  field("also", fmt::format("{}", fmt::join(finding.alt_titles(), "; ")));
  if (finding.cpu() >= 0) field("cpu", std::to_string(finding.cpu()));
  field("task", finding.task());
  if (finding.has_victim()) field("waiting", FormatParty(finding.victim()));
  if (finding.has_culprit()) field("waits for", FormatParty(finding.culprit()));
  if (finding.seconds_stuck() > 0) field("stuck", fmt::format("{}s", finding.seconds_stuck()));
  if (finding.count() > 1) field("seen", fmt::format("{} times", finding.count()));
  field("first", FormatTime(finding.first_seen(), zone));
  if (finding.count() > 1) field("last", FormatTime(finding.last_seen(), zone));
  field("witnesses", fmt::format("{}", fmt::join(finding.witnesses(), ", ")));
  field("phase", finding.phase());
  field("activity", finding.activity());
  field("taint", finding.taint());
  if (finding.end_offset() > 0)
    field("console", fmt::format("bytes {}-{}", finding.start_offset(), finding.end_offset()));
  if (finding.corrupted()) field("stack", "unreliable (interleaved, truncated or missing)");
  if (finding.counted()) field("text", "none; seen only in a kernel counter or the taint flags");
  for (const v1::Frame& frame : finding.frames()) field("", FormatFrame(frame));
  for (const v1::CpuStack& stack : finding.others()) {
    field(stack.cpu() < 0 ? "other cpu" : fmt::format("cpu {}", stack.cpu()), FormatStack(stack));
  }
  std::istringstream excerpt(finding.excerpt());
  for (std::string line; std::getline(excerpt, line);) out << "    | " << Escape(line, "\t") << '\n';
}

void ShowProvenance(const v1::Provenance& provenance, bool color, std::ostream& out) {
  const std::pair<std::string_view, const std::string&> fields[] = {
      {"config", provenance.config_sha256()},  {"source", provenance.kernel_source()},
      {"commit", provenance.kernel_commit()},  {"image", provenance.image_sha256()},
      {"host", provenance.host_uri()},         {"host kernel", provenance.host_kernel()},
      {"hypervisor", provenance.hypervisor()}, {"libvirt", provenance.libvirt()}};
  if (std::ranges::all_of(fields, [](const auto& field) { return field.second.empty(); })) return;
  Heading(out, "Provenance", color);
  for (const auto& [name, value] : fields) {
    if (!value.empty()) out << fmt::format("  {:<11}  {}\n", name, Escape(value));
  }
}

void ShowPostMortem(const v1::Run& run, bool color, std::ostream& out) {
  Heading(out, "Post-mortem", color);
  Table table({"  STEP", "OUTCOME", ">TOOK", "DETAIL"});
  bool texts = false;
  for (const v1::PostMortemStep& step : run.post_mortem()) {
    table.Add({"  " + step.step(), Cell(step.outcome(), step.outcome() == "failed" ? Color::kRed : Color::kNone),
               step.outcome() == "skipped" ? "" : FormatSeconds(step.seconds()), step.detail()});
    texts = texts || !step.text().empty();
  }
  table.Print(out, color);
  if (texts) out << "  Full registers: lkctl -o json run show " << Escape(run.id()) << '\n';
}

void ShowTable(const v1::Table& rows, bool color, std::ostream& out) {
  if (rows.columns().empty()) return;
  Heading(out, Escape(rows.name()), color);
  std::vector<std::string> titles(rows.columns().begin(), rows.columns().end());
  titles.front() = "  " + titles.front();
  Table table(titles);
  for (const v1::Table::Row& row : rows.rows()) {
    std::vector<std::string> cells(row.cells().begin(), row.cells().end());
    cells.resize(titles.size());
    cells.front() = "  " + cells.front();
    table.Add({cells.begin(), cells.end()});
  }
  table.Print(out, color);
}

}  // namespace

bool HeldAgainstKernel(const v1::Finding& finding) {
  return !finding.tolerated() && finding.known().empty() && finding.distrust().empty();
}

std::string FindingTitle(const v1::Finding& finding) {
  return (finding.title().empty() ? finding.kind() : finding.title()) + (finding.transient() ? " (transient)" : "") +
         (finding.tolerated() ? " (tolerated)" : "") + (finding.known().empty() ? "" : " (known)") +
         (finding.distrust().empty() ? "" : " (not trusted)");
}

std::string FormatSeconds(double seconds) {
  return lk::FormatDuration(absl::Seconds(seconds));
}

void ShowRun(const v1::Run& run, absl::TimeZone zone, bool color, std::ostream& out) {
  const auto field = [&](std::string_view name, const std::string& value, Color value_color = Color::kNone) {
    if (!value.empty()) out << fmt::format("{:<11}  ", name) << Paint(Escape(value), value_color, color) << '\n';
  };
  const auto yes_no = [](bool value) { return value ? "seen" : "not seen"; };

  field("Run", run.id());
  field("Campaign", run.campaign_id());
  if (run.state() == "done") {
    field("Verdict", run.verdict(), ColorOf(run.verdict()));
    field("Reason", run.reason());
    field("Blame", run.blame());
  } else {
    field("State", run.state());
  }
  if (run.superseded()) field("Superseded", "by a later attempt");
  if (run.control()) {
    field("Control",
          fmt::format("mutant{}{}: this run is expected to fail", run.mutation().empty() ? "" : " ", run.mutation()));
    if (!run.symptom().empty()) field("Killed by", run.symptom());
  }
  field("Scenario", run.scenario());
  field("Kernel", run.kernel_id().empty() ? run.kernel() : fmt::format("{} ({})", run.kernel(), run.kernel_id()));
  field("Profile", fmt::format("{}{}{}", run.profile(), run.arch().empty() ? "" : ", ", run.arch()));
  field("Repeat", fmt::format("{}, attempt {}", run.repeat(), run.attempt()));
  field("Host", run.accelerator().empty() ? run.host() : fmt::format("{} ({})", run.host(), run.accelerator()));
  if (run.emulated()) field("Emulated", "a substitute was used for missing hardware");
  if (run.harness()) {
    field("Harness", "the kernel had another caller of the code under test, or an edited version of it");
  }
  field("Created", FormatTime(run.created(), zone));
  field("Started", FormatTime(run.started(), zone));
  field("Finished", FormatTime(run.finished(), zone));
  if (run.paused_seconds() > 0) field("Paused", FormatSeconds(run.paused_seconds()) + " in total");
  if (run.steal_seconds() > 0)
    field("Steal", FormatSeconds(run.steal_seconds()) + " (VM runnable but not scheduled by the host)");
  if (run.delay_seconds() > 0)
    field("Delay", FormatSeconds(run.delay_seconds()) + " (vCPUs waited for a CPU of the host)");
  field("Canary", fmt::format("console: {}, kernel log: {}", yes_no(run.canary_console()), yes_no(run.canary_kmsg())));
  field("Operations", std::to_string(run.operations()));
  field("Console", FormatBytes(run.console_bytes()));
  field("Cmdline", run.cmdline());
  field("Seed", std::to_string(run.seed()));
  ShowProvenance(run.provenance(), color, out);

  if (run.phases_size() > 0) {
    Heading(out, "Phases", color);
    Table table({"  PHASE", ">TOOK"});
    for (const auto& phase : run.phases()) table.Add({"  " + phase.phase(), FormatSeconds(phase.seconds())});
    table.Print(out, color);
  }
  if (run.latencies_size() > 0) {
    Heading(out, "Latencies", color);
    Table table({"  PROBE", ">P50", ">P90", ">P99", ">MAX", ">MEAN", ">SAMPLES"});
    for (const auto& latency : run.latencies()) {
      table.Add({"  " + latency.probe(), FormatSeconds(latency.p50_seconds()), FormatSeconds(latency.p90_seconds()),
                 FormatSeconds(latency.p99_seconds()), FormatSeconds(latency.max_seconds()),
                 FormatSeconds(latency.mean_seconds()), std::to_string(latency.count())});
    }
    table.Print(out, color);
  }
  if (run.counters_size() > 0) {
    Heading(out, "Counters", color);
    Table table({"  COUNTER", ">VALUE", "UNIT"});
    for (const auto& counter : run.counters()) {
      table.Add({"  " + counter.name(), fmt::format("{:.12g}", counter.value()),
                 counter.unit() == "1" ? "" : counter.unit()});
    }
    table.Print(out, color);
  }
  for (const v1::Table& rows : run.tables()) ShowTable(rows, color, out);
  if (run.findings_size() > 0) {
    Heading(out, "Findings", color);
    for (const auto& finding : run.findings()) ShowFinding(finding, zone, color, out);
  }
  if (run.post_mortem_size() > 0) ShowPostMortem(run, color, out);
  const auto lines = [&](std::string_view heading, const auto& texts) {
    if (texts.empty()) return;
    Heading(out, heading, color);
    for (const std::string& text : texts) out << "  " << Escape(text) << '\n';
  };
  lines("Skipped parts", run.skipped_parts());
  lines("Journal", run.journal());
}

}  // namespace lk::cli
