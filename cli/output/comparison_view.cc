// SPDX-License-Identifier: Apache-2.0
#include "cli/output/comparison_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ostream>
#include <vector>

#include "cli/output/run_view.h"
#include "cli/output/table.h"
#include "cli/output/text.h"
#include "lk/v1/report.pb.h"

namespace lk::cli {
namespace {

using Row = v1::ComparisonRow;

constexpr char kPassRate[] = "pass_rate";

// Display order.
constexpr std::array<std::string_view, 4> kCalls = {"worse", "better", "same", "undecided"};

Color ColorOfCall(std::string_view call) {
  if (call == "worse") return Color::kRed;
  if (call == "better") return Color::kGreen;
  return call == "undecided" ? Color::kYellow : Color::kNone;
}

std::string Percent(double share) {
  return fmt::format("{:.3g}%", 100 * share);
}

std::string Probability(double p) {
  return p < 1e-4 ? "<0.0001" : fmt::format("{:.2g}", p);
}

// "tcg, emulated, harness"
std::string On(const Row& row) {
  return row.accelerator() + (row.emulated() ? ", emulated" : "") + (row.harness() ? ", harness" : "");
}

// "66.7% [9.4%, 99.2%] of 3"; "1.23ms of 5"
std::string FormatSide(const Row& row, const v1::ComparisonSide& side) {
  if (side.runs() == 0) return "no runs";
  if (row.measure() != kPassRate) return fmt::format("{} of {}", FormatSeconds(side.value()), side.runs());
  return fmt::format("{} [{}, {}] of {}", Percent(side.value()), Percent(side.interval().low()),
                     Percent(side.interval().high()), side.runs());
}

// "-66.7% [-90%, -2%]"; "x2.1 [1.8, 2.5]"
std::string FormatEffect(const Row& row) {
  if (!row.has_effect()) return "-";
  const bool rate = row.measure() == kPassRate;
  const auto figure = [&](double value) {
    return rate ? fmt::format("{:+.3g}%", 100 * value) : fmt::format("{:.3g}", value);
  };
  std::string text = (rate ? "" : "x") + figure(row.effect());
  if (row.has_interval()) text += fmt::format(" [{}, {}]", figure(row.interval().low()), figure(row.interval().high()));
  return text;
}

// Cliff's delta. Omitted for pass rates, where it equals the effect.
std::string FormatSize(const Row& row) {
  if (!row.has_effect() || row.measure() == kPassRate) return "-";
  return fmt::format("{} {:+.2f}", row.magnitude(), row.delta());
}

void ShowCompared(std::string_view name, const v1::ComparedKernel& compared, std::ostream& out) {
  const v1::KernelBuild& kernel = compared.kernel();
  out << name << "  " << Escape(fmt::format("{} ({})", kernel.release(), kernel.id()));
  if (const auto mutant = kernel.labels().find("mutant"); mutant != kernel.labels().end()) {
    out << ", a mutant of " << Escape(mutant->second);
  }
  out << fmt::format(": {} run{} counted", compared.counted(), compared.counted() == 1 ? "" : "s");
  if (compared.controls() > 0) out << fmt::format(" (positive controls: {})", compared.controls());
  if (compared.repeated() > 0) out << fmt::format("; retries not counted: {}", compared.repeated());
  if (compared.undecided() > 0) {
    out << fmt::format("; inconclusive (error, miss, skip, unproven): {}", compared.undecided());
  }
  out << '\n';
}

void ShowLacking(const std::vector<const Row*>& rows, bool color, std::ostream& out) {
  Table table({"  SCENARIO", "PROFILE", "MEASURE", "NEEDED TO DECIDE"});
  for (const Row* row : rows) {
    if (row->call() == "undecided") {
      table.Add({"  " + row->scenario(), row->profile(), row->measure(), row->lacks()});
    }
  }
  if (table.empty()) return;
  out << '\n' << Paint("Undecided", Color::kBold, color) << '\n';
  table.Print(out, color);
}

}  // namespace

void ShowComparison(const v1::CompareKernelsResponse& comparison, bool color, std::ostream& out) {
  ShowCompared("A", comparison.a(), out);
  ShowCompared("B", comparison.b(), out);
  out << '\n';
  std::vector<const Row*> rows;
  for (const std::string_view call : kCalls) {
    for (const Row& row : comparison.rows()) {
      if (row.call() == call) rows.push_back(&row);
    }
  }
  Table table({"B IS", "SCENARIO", "PROFILE", "ON", "MEASURE", "A", "B", "B VS A", "SIZE", ">P"});
  for (const Row* row : rows) {
    table.Add({Cell(row->call(), ColorOfCall(row->call())), row->scenario(), row->profile(), On(*row), row->measure(),
               FormatSide(*row, row->a()), FormatSide(*row, row->b()), FormatEffect(*row), FormatSize(*row),
               row->tested() ? Probability(row->adjusted_p()) : "-"});
  }
  table.Print(out, color);
  ShowLacking(rows, color, out);
  out << fmt::format(
      "\n{} worse, {} better, {} the same (within {} in pass rate, {} in latency), {} undecided.\nIf the kernels do "
      "not differ, the probability of any row being called worse or better is at most {}.\nIntervals have a confidence "
      "level of {}; P is corrected for {} rows.\n",
      comparison.worse(), comparison.better(), comparison.same(), Percent(comparison.pass_rate_margin()),
      Percent(comparison.latency_margin()), comparison.undecided(), Percent(comparison.error_rate()),
      Percent(1 - comparison.error_rate()), std::ranges::count_if(rows, [](const Row* row) { return row->tested(); }));
}

}  // namespace lk::cli
