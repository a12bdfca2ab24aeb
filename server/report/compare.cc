// SPDX-License-Identifier: Apache-2.0
#include "server/report/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "server/report/statistics_bootstrap.h"
#include "server/report/statistics_multiple.h"
#include "server/report/statistics_proportions.h"
#include "server/report/statistics_ranks.h"

namespace lk::report {
namespace {

using Runs = std::vector<RunSample>;

// Settings shared by all rows of a comparison.
struct Rules {
  const CompareOptions& options;
  double confidence;
  // A significance level that is low enough for any row even if all rows are tested.
  double row_error_rate;
};

// A row, and the smallest p-value that its test can give with this many runs.
struct Candidate {
  Row row;
  double smallest_p = 1;
};

Row MakeRow(const Conditions& conditions, Measure measure, std::string what) {
  Row row;
  row.conditions = conditions;
  row.measure = measure;
  row.what = std::move(what);
  return row;
}

// ---- pass rates ---------------------------------------------------------------------------------------------------

Proportion Passed(const Runs& runs) {
  const auto passed = std::ranges::count_if(runs, &RunSample::passed);
  return {static_cast<uint32_t>(passed), static_cast<uint32_t>(runs.size())};
}

Candidate PassRate(const Conditions& conditions, const Runs& a, const Runs& b, double confidence) {
  const Proportion of_a = Passed(a);
  const Proportion of_b = Passed(b);
  Row row = MakeRow(conditions, Measure::kPassRate, "pass_rate");
  row.a = {.runs = of_a.trials, .value = of_a.rate(), .interval = ClopperPearson(of_a, confidence)};
  row.b = {.runs = of_b.trials, .value = of_b.rate(), .interval = ClopperPearson(of_b, confidence)};
  if (!a.empty() && !b.empty()) {
    row.delta = of_b.rate() - of_a.rate();
    row.effect = row.delta;
    row.interval = NewcombeDifference(of_a, of_b, confidence);
    row.p = BoschlooP(of_a, of_b);
  }
  return {std::move(row), SmallestBoschlooP(of_a.trials, of_b.trials)};
}

std::optional<uint32_t> PassRateRuns(const Row& row, const Rules& rules) {
  const CompareOptions& options = rules.options;
  // A difference that does not matter need not be detected, only proven not to matter.
  if (std::abs(row.delta) < options.pass_rate_margin) {
    return TrialsToBound(row.a.value, row.b.value, options.pass_rate_margin, rules.confidence, options.max_runs);
  }
  return TrialsToTell(row.a.value, row.b.value, rules.row_error_rate, options.power, options.max_runs);
}

// ---- latencies ----------------------------------------------------------------------------------------------------

constexpr double kNsPerSecond = 1e9;

Histograms Of(const Runs& runs, const std::string& probe) {
  Histograms histograms;
  for (const RunSample& run : runs) {
    const auto it = run.latencies.find(probe);
    if (it != run.latencies.end() && it->second.count() > 0) histograms.push_back(&it->second);
  }
  return histograms;
}

double Seconds(const Histogram& histogram, double quantile) {
  return static_cast<double>(std::max<uint64_t>(1, histogram.Quantile(quantile))) / kNsPerSecond;
}

Side LatencySide(const Histograms& runs, double quantile) {
  if (runs.empty()) return {};
  Histogram merged;
  for (const Histogram* run : runs) merged.Merge(*run);
  return {.runs = static_cast<uint32_t>(runs.size()), .value = Seconds(merged, quantile), .interval = {}};
}

std::vector<double> PerRun(const Histograms& runs, double quantile) {
  std::vector<double> values;
  for (const Histogram* run : runs) values.push_back(Seconds(*run, quantile));
  return values;
}

void AddLatencies(std::vector<Candidate>& candidates, const Conditions& conditions, const std::string& probe,
                  const Runs& runs_a, const Runs& runs_b, const Rules& rules) {
  const Histograms a = Of(runs_a, probe);
  const Histograms b = Of(runs_b, probe);
  const std::vector<Percentile>& percentiles = rules.options.percentiles;
  std::vector<double> quantiles;
  quantiles.reserve(percentiles.size());
  for (const Percentile& percentile : percentiles) quantiles.push_back(percentile.quantile);
  const std::vector<std::optional<Interval>> intervals = BootstrapRatios(
      a, b, quantiles,
      {.confidence = rules.confidence, .resamples = rules.options.resamples, .seed = rules.options.seed});
  for (size_t i = 0; i < percentiles.size(); ++i) {
    Row row = MakeRow(conditions, Measure::kLatency, fmt::format("{}_{}", probe, percentiles[i].word));
    row.a = LatencySide(a, quantiles[i]);
    row.b = LatencySide(b, quantiles[i]);
    if (!a.empty() && !b.empty()) {
      const std::vector<double> of_a = PerRun(a, quantiles[i]);
      const std::vector<double> of_b = PerRun(b, quantiles[i]);
      row.effect = row.b.value / row.a.value;
      row.interval = intervals[i];
      row.delta = CliffsDelta(of_a, of_b);
      row.p = RankSumP(of_a, of_b);
    }
    candidates.push_back({std::move(row), SmallestRankSumP(a.size(), b.size())});
  }
}

// The number of runs needed on each side for the interval to fit within the margin, given that its width is
// proportional to 1 / sqrt(runs).
double RunsToBound(const Row& row, const Rules& rules) {
  const double margin = std::log1p(rules.options.latency_margin);
  const double ratio = std::log(*row.effect);
  const double reach = std::max((std::log(row.interval->high) - ratio) / (margin - ratio),
                                (ratio - std::log(row.interval->low)) / (margin + ratio));
  return std::max<double>(RunsToEnclose(rules.confidence), std::min(row.a.runs, row.b.runs) * reach * reach);
}

std::optional<uint32_t> LatencyRuns(const Row& row, const Rules& rules) {
  const CompareOptions& options = rules.options;
  const bool matters = std::abs(std::log(*row.effect)) >= std::log1p(options.latency_margin);
  if (!matters && !row.interval) return std::nullopt;
  const double runs =
      matters ? std::max<double>(row.least_runs, NoetherSize(row.delta, rules.row_error_rate, options.power))
              : RunsToBound(row, rules);
  if (!(runs <= options.max_runs)) return std::nullopt;
  return static_cast<uint32_t>(std::ceil(runs));
}

// ---- calls --------------------------------------------------------------------------------------------------------

bool IsSame(const Row& row, const Rules& rules) {
  if (!row.interval) return false;
  if (row.measure == Measure::kPassRate) {
    return row.interval->Inside(-rules.options.pass_rate_margin, rules.options.pass_rate_margin);
  }
  const double margin = 1 + rules.options.latency_margin;
  return std::min(row.a.runs, row.b.runs) >= RunsToEnclose(rules.confidence) &&
         row.interval->Inside(1 / margin, margin);
}

// 1 = worse, -1 = better, 0 = neither, or delta and ratio disagree.
int Direction(const Row& row) {
  if (row.measure == Measure::kPassRate) return (row.delta < 0) - (row.delta > 0);
  const double ratio = row.effect.value_or(1);
  return (row.delta > 0 && ratio > 1) - (row.delta < 0 && ratio < 1);
}

Call Judge(const Row& row, const Rules& rules) {
  if (IsSame(row, rules)) return Call::kSame;
  const int direction = Direction(row);
  if (!row.tested || row.adjusted_p > rules.options.error_rate || direction == 0) return Call::kUndecided;
  return direction > 0 ? Call::kWorse : Call::kBetter;
}

void Adjust(std::vector<Candidate>& candidates, double error_rate) {
  std::vector<double> smallest;
  smallest.reserve(candidates.size());
  for (const Candidate& candidate : candidates) smallest.push_back(candidate.smallest_p);
  const std::vector<bool> worth = WorthTesting(smallest, error_rate);
  std::vector<Row*> tested;
  std::vector<double> p;
  for (size_t i = 0; i < candidates.size(); ++i) {
    if (!worth[i]) continue;
    tested.push_back(&candidates[i].row);
    p.push_back(candidates[i].row.p);
  }
  const std::vector<double> adjusted = HolmAdjusted(p);
  for (size_t i = 0; i < tested.size(); ++i) {
    tested[i]->tested = true;
    tested[i]->adjusted_p = adjusted[i];
  }
}

std::set<std::string> Probes(const Runs& a, const Runs& b) {
  std::set<std::string> probes;
  for (const Runs* runs : {&a, &b}) {
    for (const RunSample& run : *runs) {
      for (const auto& [probe, histogram] : run.latencies) {
        if (histogram.count() > 0) probes.insert(probe);
      }
    }
  }
  return probes;
}

}  // namespace

void Evidence::Add(const campaign::Run& run) {
  if (run.state != campaign::RunState::kDone) return;
  const bool passed = run.verdict == campaign::Verdict::kPass;
  if (!passed && run.verdict != campaign::Verdict::kFail) return;
  const auto [it, added] = cells_.try_emplace({run.campaign_id, run.cell});
  Counted& counted = it->second;
  if (!added && counted.attempt <= run.attempt) return;
  counted.attempt = run.attempt;
  counted.conditions = {run.scenario, run.profile, run.accelerator, run.emulated, run.harness};
  counted.sample.passed = passed;
  counted.sample.latencies = run.paused_seconds > 0 ? std::map<std::string, Histogram>() : run.latencies;
}

Samples Evidence::ToSamples() const {
  Samples samples;
  for (const auto& [cell, counted] : cells_) samples[counted.conditions].push_back(counted.sample);
  return samples;
}

std::string_view ToString(Call call) {
  switch (call) {
    case Call::kWorse:
      return "worse";
    case Call::kBetter:
      return "better";
    case Call::kSame:
      return "same";
    case Call::kUndecided:
      return "undecided";
  }
  return "";
}

bool Comparison::AnyWorse() const {
  return std::ranges::find(rows, Call::kWorse, &Row::call) != rows.end();
}

Comparison Compare(const Samples& a, const Samples& b, const CompareOptions& options) {
  std::set<Conditions> all;
  for (const Samples* samples : {&a, &b}) {
    for (const auto& [conditions, runs] : *samples) all.insert(conditions);
  }
  Rules rules{.options = options, .confidence = 1 - options.error_rate, .row_error_rate = options.error_rate};
  std::vector<Candidate> candidates;
  const Runs none;
  const auto runs_of = [&](const Samples& samples, const Conditions& conditions) -> const Runs& {
    const auto it = samples.find(conditions);
    return it == samples.end() ? none : it->second;
  };
  for (const Conditions& conditions : all) {
    const Runs& of_a = runs_of(a, conditions);
    const Runs& of_b = runs_of(b, conditions);
    candidates.push_back(PassRate(conditions, of_a, of_b, rules.confidence));
    for (const std::string& probe : Probes(of_a, of_b)) {
      AddLatencies(candidates, conditions, probe, of_a, of_b, rules);
    }
  }
  Adjust(candidates, options.error_rate);
  if (!candidates.empty()) rules.row_error_rate /= static_cast<double>(candidates.size());

  Comparison comparison{.error_rate = options.error_rate, .rows = {}};
  for (Candidate& candidate : candidates) {
    Row& row = candidate.row;
    row.call = Judge(row, rules);
    row.least_runs =
        row.measure == Measure::kPassRate ? LeastTrials(rules.row_error_rate) : LeastValues(rules.row_error_rate);
    if (row.call == Call::kUndecided && row.effect) {
      const std::optional<uint32_t> runs =
          row.measure == Measure::kPassRate ? PassRateRuns(row, rules) : LatencyRuns(row, rules);
      const uint32_t fewer = std::min(row.a.runs, row.b.runs);
      // If there are already as many runs as estimated, and the row is still undecided, suggest one more.
      if (runs) row.more_repeats = *runs > fewer ? *runs - fewer : 1;
    }
    comparison.rows.push_back(std::move(row));
  }
  return comparison;
}

std::string Lacks(const Row& row) {
  if (row.call != Call::kUndecided) return {};
  std::string text;
  if (!row.tested) {
    const std::string have = row.a.runs == row.b.runs ? fmt::format("{} each", row.a.runs)
                                                      : fmt::format("{} against {}", row.a.runs, row.b.runs);
    text = fmt::format("too few runs to decide ({}, at least {} each needed)", have, row.least_runs);
  }
  if (row.more_repeats) {
    if (!text.empty()) text += "; ";
    text += fmt::format("{} more repeat{} would be enough to decide, if the observed difference is real",
                        *row.more_repeats, *row.more_repeats == 1 ? "" : "s");
  } else if (row.tested) {
    text = "no feasible number of repeats would be enough to decide";
  }
  return text;
}

}  // namespace lk::report
