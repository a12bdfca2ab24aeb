// SPDX-License-Identifier: Apache-2.0
#include "cli/output/finding_view.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <ostream>
#include <sstream>
#include <utility>

#include "cli/output/json.h"
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
               {"taint", finding.taint},
               {"kernelRelease", finding.kernel_release}};
  if (excerpt) json["excerpt"] = finding.excerpt;
  return json;
}

std::string Cpu(int32_t cpu) {
  return cpu < 0 ? "-" : std::to_string(cpu);
}

// The location of the function named in the title; otherwise, the location of the innermost frame that has one.
std::string Location(const detect::Finding& finding) {
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

void PrintTable(Context& context, const std::vector<detect::Finding>& findings, bool located) {
  std::vector<std::string> titles = {">  OFFSET", "KIND", ">CPU", "TASK", ">COUNT", "TITLE"};
  if (located) titles.emplace_back("AT");
  Table table(titles);
  for (const detect::Finding& finding : findings) {
    Table::Row row = {fmt::format("  {}", finding.start_offset),
                      detect::ToString(finding.kind),
                      Cpu(finding.cpu),
                      finding.task.empty() ? "-" : finding.task,
                      std::to_string(finding.count),
                      finding.corrupted ? finding.title + " (unreliable stack)" : finding.title};
    if (located) row.emplace_back(Location(finding));
    table.Add(std::move(row));
  }
  if (!table.empty()) table.Print(context.io.out, context.out_color());
}

void ShowDetected(Context& context, const detect::Finding& finding, bool located) {
  std::ostream& out = context.io.out;
  const auto field = [&](std::string_view name, const std::string& value) {
    if (!value.empty()) out << fmt::format("  {:<7}  {}\n", name, Escape(value));
  };
  const auto frames = [&](const std::vector<detect::Frame>& list) {
    for (const detect::Frame& frame : list) {
      if (located) field("", fmt::format("{}+{:#x}  {}", frame.function, frame.offset, frame.location));
    }
  };
  out << '\n' << Paint(Escape(finding.title), Color::kBold, context.out_color()) << '\n';
  field("kind", std::string(detect::ToString(finding.kind)));
  field("also", fmt::format("{}", fmt::join(finding.alt_titles, "; ")));
  if (finding.cpu >= 0) field("cpu", Cpu(finding.cpu));
  field("task", finding.task);
  if (finding.seconds_stuck > 0) field("stuck", fmt::format("{}s", finding.seconds_stuck));
  if (finding.count > 1) field("seen", fmt::format("{} times", finding.count));
  field("taint", finding.taint);
  field("bytes", fmt::format("{}-{}", finding.start_offset, finding.end_offset));
  if (finding.corrupted) field("stack", "unreliable (interleaved, truncated or missing)");
  frames(finding.frames);
  for (const detect::CpuStack& other : finding.others) {
    field("other", fmt::format("CPU {}{}{}", Cpu(other.cpu), other.task.empty() ? "" : ", " + other.task,
                               other.function.empty() ? "" : ", in " + other.function));
    frames(other.frames);
  }
  std::istringstream excerpt(finding.excerpt);
  for (std::string line; std::getline(excerpt, line);) out << "  | " << Escape(line, "\t") << '\n';
}

}  // namespace

void PrintFindings(Context& context, const std::string& file, const std::vector<detect::Finding>& findings, bool show,
                   bool located) {
  if (context.format != Format::kTable) {
    auto list = Json::array();
    for (const detect::Finding& finding : findings) list.push_back(FindingToJson(finding, show));
    return PrintJson(context, {{"file", file}, {"findings", std::move(list)}}, true);
  }
  context.io.out << Escape(file) << ": " << findings.size() << (findings.size() == 1 ? " finding\n" : " findings\n");
  if (!show) return PrintTable(context, findings, located);
  for (const detect::Finding& finding : findings) ShowDetected(context, finding, located);
}

}  // namespace lk::cli
