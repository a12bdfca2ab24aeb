// SPDX-License-Identifier: Apache-2.0
#include "cli/output/finding_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <ostream>
#include <sstream>
#include <utility>

#include "cli/output/document.h"
#include "cli/output/markdown.h"
#include "cli/output/sarif.h"
#include "cli/output/table.h"

namespace lk::cli {
namespace {

using Json = nlohmann::ordered_json;

Json FramesToJson(const std::vector<detect::Frame>& frames) {
  auto list = Json::array();
  for (const detect::Frame& frame : frames) {
    list.push_back({{"function", frame.function},
                    {"offset", frame.offset},
                    {"module", frame.module},
                    {"location", frame.location}});
  }
  return list;
}

Json PartyToJson(const std::optional<detect::Party>& party) {
  if (!party) return nullptr;
  return {{"cpu", party->cpu}, {"task", party->task}, {"function", party->function}};
}

// The fields of lk.v1.Finding that can be determined from a console log alone. Unlike in that message, offsets beyond
// 4 GiB are exact.
Json FindingToJson(const detect::Finding& finding, bool excerpt) {
  auto others = Json::array();
  for (const detect::CpuStack& other : finding.others) {
    others.push_back({{"cpu", other.cpu},
                      {"task", other.task},
                      {"function", other.function},
                      {"frames", FramesToJson(other.frames)}});
  }
  Json json = {{"kind", detect::ToString(finding.kind)},
               {"title", finding.title},
               {"altTitles", finding.alt_titles},
               {"corrupted", finding.corrupted},
               {"startOffset", finding.start_offset},
               {"endOffset", finding.end_offset},
               {"frames", FramesToJson(finding.frames)},
               {"cpu", finding.cpu},
               {"task", finding.task},
               {"function", finding.function},
               {"others", std::move(others)},
               {"secondsStuck", finding.seconds_stuck},
               {"count", finding.count},
               {"fatal", finding.fatal},
               {"transient", finding.transient},
               {"taint", finding.taint},
               {"kernelRelease", finding.kernel_release},
               {"known", finding.known},
               {"architecture", finding.architecture},
               {"modules", finding.modules},
               {"victim", PartyToJson(finding.victim)},
               {"culprit", PartyToJson(finding.culprit)}};
  if (excerpt) json["excerpt"] = finding.excerpt;
  return json;
}

std::string Cpu(int32_t cpu) {
  return cpu < 0 ? "-" : std::to_string(cpu);
}

// "CPU 1, trigger:77, in spin_forever"
std::string Words(int32_t cpu, const std::string& task, const std::string& function) {
  std::vector<std::string> words;
  if (cpu >= 0) words.push_back(fmt::format("CPU {}", cpu));
  if (!task.empty()) words.push_back(task);
  if (!function.empty()) words.push_back("in " + function);
  return fmt::format("{}", fmt::join(words, ", "));
}

void ShowDetected(LocalContext& context, const detect::Finding& finding, bool located) {
  std::ostream& out = context.io.out;
  const auto field = [&](std::string_view name, const std::string& value) {
    if (!value.empty()) out << fmt::format("  {:<7}  {}\n", name, Escape(value));
  };
  const auto frames = [&](const std::vector<detect::Frame>& list) {
    for (const detect::Frame& frame : list) {
      if (located) field("", fmt::format("{}+{:#x}  {}", frame.function, frame.offset, frame.location));
    }
  };
  const auto party = [&](std::string_view name, const std::optional<detect::Party>& who) {
    if (who) field(name, Words(who->cpu, who->task, who->function));
  };
  out << '\n' << Paint(Escape(finding.title), Color::kBold, context.out_color()) << '\n';
  field("kind", std::string(detect::ToString(finding.kind)));
  field("known", finding.known);
  field("also", fmt::format("{}", fmt::join(finding.alt_titles, "; ")));
  if (finding.cpu >= 0) field("cpu", Cpu(finding.cpu));
  field("task", finding.task);
  if (finding.seconds_stuck > 0) field("stuck", fmt::format("{}s", finding.seconds_stuck));
  if (finding.count > 1) field("seen", fmt::format("{} times", finding.count));
  field("taint", finding.taint);
  field("bytes", fmt::format("{}-{}", finding.start_offset, finding.end_offset));
  if (finding.corrupted) field("stack", "unreliable (interleaved, truncated or missing)");
  field("arch", finding.architecture);
  party("victim", finding.victim);
  party("culprit", finding.culprit);
  field("modules", fmt::format("{}", fmt::join(finding.modules, " ")));
  frames(finding.frames);
  for (const detect::CpuStack& other : finding.others) {
    field("other", Words(other.cpu, other.task, other.function));
    frames(other.frames);
  }
  std::istringstream excerpt(finding.excerpt);
  for (std::string line; std::getline(excerpt, line);) out << "  | " << Escape(line, "\t") << '\n';
}

class TablePrinter final : public FindingPrinter {
 public:
  TablePrinter(LocalContext& context, FindingStyle style)
      : context_(context), style_(style), table_(Titles(style.located)) {}

  void Print(const LogReport& log) override {
    const size_t count = log.earlier + log.findings.size();
    const auto summary = [&] {
      context_.io.out << Escape(log.file) << ": " << count << (count == 1 ? " finding" : " findings")
                      << (known_ == 0 ? "" : fmt::format(", {} known", known_)) << '\n';
    };
    known_ += std::ranges::count_if(log.findings, [](const auto& finding) { return !finding.known.empty(); });
    const bool followed = !log.ended || log.earlier > 0;
    if (!followed) summary();
    for (const detect::Finding& finding : log.findings) {
      style_.show ? ShowDetected(context_, finding, style_.located) : table_.Add(Row(finding));
    }
    table_.PrintMore(context_.io.out, context_.out_color());
    if (followed && log.ended) summary();
    if (log.ended) {
      table_ = Table(Titles(style_.located));
      known_ = 0;
    }
    context_.io.out.flush();
  }
  void End(const Totals& totals) override {
    if (totals.files > 1) context_.io.out << Summary(totals) << '\n';
  }

 private:
  static std::vector<std::string> Titles(bool located) {
    std::vector<std::string> titles = {">  OFFSET", "KIND", ">CPU", "TASK", ">COUNT", "TITLE"};
    if (located) titles.emplace_back("AT");
    titles.emplace_back("NOTE");
    return titles;
  }
  Table::Row Row(const detect::Finding& finding) const {
    Table::Row row = {fmt::format("  {}", finding.start_offset), detect::ToString(finding.kind), Cpu(finding.cpu),
                      finding.task.empty() ? "-" : finding.task, std::to_string(finding.count),  finding.title};
    if (style_.located) row.emplace_back(LocationOf(finding));
    row.emplace_back(NoteOf(finding));
    return row;
  }

  LocalContext& context_;
  FindingStyle style_;
  Table table_;
  std::ptrdiff_t known_ = 0;  // of the findings in the present log
};

class DocumentPrinter final : public FindingPrinter {
 public:
  DocumentPrinter(LocalContext& context, FindingStyle style) : context_(context), style_(style) {}

  void Print(const LogReport& log) override {
    if (log.ended && log.earlier > 0 && log.findings.empty()) return;
    auto list = Json::array();
    for (const detect::Finding& finding : log.findings) list.push_back(FindingToJson(finding, style_.show));
    PrintJson(context_,
              {{"file", log.file},
               {"container", log.facts.kernel_lines ? log.facts.container : ""},
               {"architecture", log.facts.architecture},
               {"kernelRelease", log.facts.kernel_release},
               {"findings", std::move(list)}},
              true);
  }
  void End(const Totals& /*totals*/) override {}

 private:
  LocalContext& context_;
  FindingStyle style_;
};

}  // namespace

std::unique_ptr<FindingPrinter> MakeFindingPrinter(LocalContext& context, FindingStyle style) {
  switch (context.format) {
    case Format::kSarif:
      return MakeSarifPrinter(context, style);
    case Format::kMarkdown:
      return MakeMarkdownPrinter(context, style);
    case Format::kJson:
    case Format::kYaml:
      return std::make_unique<DocumentPrinter>(context, style);
    case Format::kTable:
      break;
  }
  return std::make_unique<TablePrinter>(context, style);
}

bool NeedsLines(Format format) {
  return format == Format::kSarif || format == Format::kMarkdown;
}

std::string NoteOf(const detect::Finding& finding) {
  std::vector<std::string> notes;
  if (finding.corrupted) notes.emplace_back("unreliable stack");
  if (!finding.known.empty()) notes.push_back("known: " + finding.known);
  return fmt::format("{}", fmt::join(notes, "; "));
}

std::string Summary(const Totals& totals) {
  return fmt::format("{} files: {} {} in {}{}", totals.files, totals.findings,
                     totals.findings == 1 ? "finding" : "findings", totals.with_findings,
                     totals.unreadable == 0 ? "" : fmt::format("; {} unreadable", totals.unreadable));
}

std::string LocationOf(const detect::Finding& finding) {
  std::string first;
  for (const detect::Frame& frame : finding.frames) {
    // Ignore compiler suffixes (.isra.0, .cold).
    if (!frame.location.empty() && frame.function.substr(0, frame.function.find('.')) == finding.function) {
      return frame.location;
    }
    if (first.empty()) first = frame.location;
  }
  return first;
}

}  // namespace lk::cli
