// SPDX-License-Identifier: Apache-2.0
// Latencies of each probe under the same conditions, with all kernels on one logarithmic axis. Positions are
// percentages of the plot's width, so that text keeps its size whatever the width of the window.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <tuple>

#include "server/report/html_parts.h"
#include "support/text.h"

namespace lk::report::html {
namespace {

using campaign::Run;

constexpr double kNsPerSecond = 1e9;
constexpr int kBins = 80;
constexpr int kRowHeight = 44;
constexpr int kAxisHeight = 26;
constexpr double kLeft = 2;    // percent
constexpr double kWidth = 95;  // percent

struct Line {
  std::string kernel;
  Histogram merged;
  size_t runs = 0;
};

// Scenario, profile, accelerator, emulated, harness, probe.
using Key = std::tuple<std::string, std::string, std::string, bool, bool, std::string>;

std::map<Key, std::vector<Line>> Collect(const CampaignReport& report) {
  const KernelNames names(report);
  std::map<Key, std::vector<Line>> plots;
  for (const Run& run : report.runs) {
    // If the VM was paused, the host may have caused some of the latencies.
    if (run.superseded || run.state != campaign::RunState::kDone || run.paused_seconds > 0) continue;
    for (const auto& [probe, histogram] : run.latencies) {
      if (histogram.count() == 0) continue;
      std::vector<Line>& lines = plots[{run.scenario, run.profile, run.accelerator, run.emulated, run.harness, probe}];
      const std::string kernel = names.Of(run) + (run.control ? ", mutant" : "");
      auto line = std::ranges::find(lines, kernel, &Line::kernel);
      if (line == lines.end()) {
        lines.push_back({.kernel = kernel, .merged = {}, .runs = 0});
        line = lines.end() - 1;
      }
      line->merged.Merge(histogram);
      ++line->runs;
    }
  }
  return plots;
}

double SecondsAt(const Histogram& histogram, double quantile) {
  return static_cast<double>(histogram.Quantile(quantile)) / kNsPerSecond;
}

class Plot {
 public:
  Plot(Node parent, const std::vector<Line>& lines) : lines_(lines) {
    uint64_t least = UINT64_MAX;
    uint64_t most = 1;
    for (const Line& line : lines) {
      least = std::min(least, std::max<uint64_t>(1, line.merged.min_ns()));
      most = std::max(most, line.merged.max_ns());
    }
    // Whole decades, at least one.
    low_ = static_cast<int>(std::floor(std::log10(static_cast<double>(least))));
    high_ = std::max(static_cast<int>(std::ceil(std::log10(static_cast<double>(most)))), low_ + 1);
    svg_ = Add(parent, "svg");
    svg_.append_attribute("height") = kRowHeight * static_cast<int>(lines.size()) + kAxisHeight;
    svg_.append_attribute("role") = "img";
    svg_.append_attribute("aria-label") = "Latencies; the table below has the figures";
  }

  void Draw() {
    Axis();
    for (size_t i = 0; i < lines_.size(); ++i) Strip(lines_[i], static_cast<int>(i) * kRowHeight);
  }

 private:
  std::string X(double log_ns) const {
    const double share = std::clamp((log_ns - low_) / (high_ - low_), 0.0, 1.0);
    return fmt::format("{:.2f}%", kLeft + kWidth * share);
  }
  std::string XOf(uint64_t ns) const { return X(std::log10(static_cast<double>(std::max<uint64_t>(1, ns)))); }

  Node Vertical(const std::string& x, int from, int to, std::string_view css_class, const char* width) {
    Node line = Add(svg_, "line", css_class);
    line.append_attribute("x1") = x.c_str();
    line.append_attribute("x2") = x.c_str();
    line.append_attribute("y1") = from;
    line.append_attribute("y2") = to;
    line.append_attribute("stroke-width") = width;
    return line;
  }

  void Axis() {
    const int bottom = kRowHeight * static_cast<int>(lines_.size());
    for (int decade = low_; decade <= high_; ++decade) {
      Vertical(X(decade), 0, bottom, "axis", "1");
      Node label = AddText(svg_, "text", Duration(std::pow(10, decade) / kNsPerSecond), "tick");
      label.append_attribute("x") = X(decade).c_str();
      label.append_attribute("y") = bottom + 16;
      label.append_attribute("text-anchor") = decade == low_ ? "start" : decade >= high_ ? "end" : "middle";
    }
  }

  void Strip(const Line& line, int top) {
    Node label = AddText(svg_, "text", line.kernel);
    label.append_attribute("x") = X(low_).c_str();
    label.append_attribute("y") = top + 14;
    Heat(line.merged, top + 20);
    const int middle = top + 29;
    Node range = Add(svg_, "line", "range");
    range.append_attribute("x1") = XOf(line.merged.Quantile(0.5)).c_str();
    range.append_attribute("x2") = XOf(line.merged.Quantile(0.99)).c_str();
    range.append_attribute("y1") = middle;
    range.append_attribute("y2") = middle;
    Vertical(XOf(line.merged.Quantile(0.99)), middle - 7, middle + 7, "range", "2");
    Vertical(XOf(line.merged.max_ns()), middle - 4, middle + 4, "range", "1");
    Node dot = Add(svg_, "circle", "dot");
    dot.append_attribute("cx") = XOf(line.merged.Quantile(0.5)).c_str();
    dot.append_attribute("cy") = middle;
    dot.append_attribute("r") = "4";
  }

  // The more samples, the darker. Scaled by the square root, so that rare latencies, which matter most, remain visible.
  void Heat(const Histogram& histogram, int top) {
    std::vector<uint64_t> counts;
    uint64_t before = 0;
    for (int bin = 0; bin < kBins; ++bin) {
      const double edge = low_ + static_cast<double>(high_ - low_) * (bin + 1) / kBins;
      const uint64_t upto =
          bin + 1 == kBins ? histogram.count() : histogram.CountAtMost(static_cast<uint64_t>(std::pow(10, edge)));
      counts.push_back(upto - std::min(upto, before));
      before = std::max(before, upto);
    }
    const double most = static_cast<double>(std::max<uint64_t>(1, *std::ranges::max_element(counts)));
    for (int bin = 0; bin < kBins; ++bin) {
      if (counts[static_cast<size_t>(bin)] == 0) continue;
      const double share = static_cast<double>(counts[static_cast<size_t>(bin)]) / most;
      Node box = Add(svg_, "rect", "heat");
      box.append_attribute("x") = X(low_ + static_cast<double>(high_ - low_) * bin / kBins).c_str();
      box.append_attribute("y") = top;
      box.append_attribute("width") = fmt::format("{:.2f}%", kWidth / kBins).c_str();
      box.append_attribute("height") = 18;
      box.append_attribute("fill-opacity") = fmt::format("{:.2f}", 0.12 + 0.88 * std::sqrt(share)).c_str();
    }
  }

  const std::vector<Line>& lines_;
  Node svg_;
  int low_ = 0;  // low_ and high_: the axis spans 10^low_ to 10^high_ nanoseconds
  int high_ = 1;
};

}  // namespace

void AddLatencies(Node body, const CampaignReport& report) {
  const std::map<Key, std::vector<Line>> plots = Collect(report);
  if (plots.empty()) return;
  Node section = Section(body, "latency", "Latency");
  AddText(
      section, "p",
      "All runs of a kernel are combined: the dot is the median, the line ends at the 99th percentile, and the last "
      "tick is the maximum. Darker shades mean more samples.",
      "dim");
  for (const auto& [key, lines] : plots) {
    const auto& [scenario, profile, accelerator, emulated, harness, probe] = key;
    AddText(section, "h3",
            fmt::format("{}: {} on {}, {}{}{}", probe, scenario, profile, accelerator, emulated ? ", emulated*" : "",
                        harness ? ", harness+" : ""));
    Plot(section, lines).Draw();
    Table table(section, {"Kernel", ">Runs", ">Samples", ">p50", ">p90", ">p99", ">Max"});
    for (const Line& line : lines) {
      table.Row();
      table.Cell(line.kernel, "mono");
      table.Cell(std::to_string(line.runs));
      table.Cell(std::to_string(line.merged.count()));
      for (const double quantile : {0.5, 0.9, 0.99, 1.0}) table.Cell(Duration(SecondsAt(line.merged, quantile)));
    }
  }
}

}  // namespace lk::report::html
