// SPDX-License-Identifier: Apache-2.0
// Is kernel b worse than kernel a, and how sure is that?
//
// The unit of independence is the run, never the single latency sample: the samples of a run share its boot, its host
// and its moment, and a thousand of them say no more of the next boot than one. So a run gives one outcome, and of each
// probe one value per percentile; these are what is tested.
//
//   pass rate   Boschloo's exact test; Clopper-Pearson interval of each side, Newcombe's of the difference
//   latency     rank-sum test of the runs' percentiles; Cliff's delta; bootstrap interval of the ratio, over runs
//
// The stated error rate is that of the whole comparison: the probability that it calls even one row worse or better in
// which the kernels do not differ, since one wrong call is enough to stop a release (Holm's method, over the rows that
// have runs enough to be worth testing at all). "Same" is not the absence of a difference but a finding of its own: the
// interval lies wholly within the margin that the user calls no matter (D. J. Schuirmann, Journal of Pharmacokinetics
// and Biopharmaceutics 15, 1987, 657-680; at an error rate of half that stated, row by row). Whatever is neither is
// undecided, and the row says how many more repeats would decide.
//
// Runs of one side are taken to be alike but for the kernel: both kernels in one campaign, on the same hosts, is what
// makes that so. Each method's source is given with its function, in statistics_*.h.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/campaign/types.h"
#include "server/report/statistics.h"

namespace lk::report {

// Only runs under the same conditions are compared: an emulated run says nothing of real hardware, nor a latency under
// TCG anything of one under KVM.
struct Conditions {
  std::string scenario;
  std::string profile;
  std::string accelerator;  // kvm, tcg
  bool emulated = false;

  auto operator<=>(const Conditions&) const = default;  // NOLINT(modernize-use-nullptr): a false alarm
};

// What a run says of its kernel.
struct RunSample {
  bool passed = false;
  std::map<std::string, Histogram> latencies;  // by probe
};

using Samples = std::map<Conditions, std::vector<RunSample>>;

// The evidence on one kernel. What is evidence:
// - pass and fail alone. Error, miss, skip and unproven say nothing of the kernel.
// - of the attempts at one cell of a campaign the first that passed or failed, superseded or not: a retry is made
//   because the first attempt failed, so to count it instead would forgive failures and never passes, and to count
//   both would make the number of runs depend on their outcome. A flaky scenario thus shows as what it is, a pass rate
//   below 1.
// - latencies of failed runs too, for otherwise the slowest would be left out; not those of a run whose VM was paused.
// A mutant is a kernel like any other here: its runs speak of it alone.
class Evidence {
 public:
  // In any order; of a run that is not done: nothing.
  void Add(const campaign::Run& run);

  Samples ToSamples() const;

 private:
  struct Cell {
    std::string campaign;
    uint32_t number = 0;

    auto operator<=>(const Cell&) const = default;  // NOLINT(modernize-use-nullptr): a false alarm
  };
  struct Counted {
    uint32_t attempt = 0;
    Conditions conditions;
    RunSample sample;
  };
  std::map<Cell, Counted> cells_;
};

// A percentile by the word that budgets have for it.
struct Percentile {
  std::string_view word;  // p50, p90, p99, max
  double quantile = 0;    // 1: the maximum
};
inline constexpr Percentile kP50 = {"p50", 0.5};
inline constexpr Percentile kP90 = {"p90", 0.9};
inline constexpr Percentile kP99 = {"p99", 0.99};
inline constexpr Percentile kMax = {"max", 1};

// Rates and power lie between 0 and 1, margins above 0; checked where a user gives them.
struct CompareOptions {
  double error_rate = 0.05;
  // Probability with which more_repeats is to decide, if things are as they look now.
  double power = 0.8;
  // Differences within these do not matter: of pass rates; of latencies, as a share. Histograms resolve 1/32, which is
  // the least that makes sense for the second.
  double pass_rate_margin = 0.1;
  double latency_margin = 0.1;
  // Of each probe; each is a comparison that the others must make room for.
  std::vector<Percentile> percentiles = {kP50, kP99};
  uint32_t resamples = 2000;
  uint64_t seed = 1;
  // Numbers of runs beyond this are not looked for.
  uint32_t most_runs = 200;
};

enum class Call { kWorse, kBetter, kSame, kUndecided };
std::string_view ToString(Call call);

enum class Measure { kPassRate, kLatency };

struct Side {
  uint32_t runs = 0;  // that count
  // The share of runs that passed; seconds, of all runs merged. 0 without runs.
  double value = 0;
  std::optional<Interval> interval;  // of pass rates only
};

struct Row {
  Conditions conditions;
  Measure measure = Measure::kPassRate;
  std::string what;  // "pass_rate", "timer_wakeup_p99"
  Side a, b;
  // Pass rate: b's minus a's. Latency: b's divided by a's. Nothing where a side has no runs.
  std::optional<double> effect;
  std::optional<Interval> interval;  // of the effect, at a confidence of 1 - error_rate
  // Cliff's delta of the runs' values, b against a; for pass rates it is the effect itself.
  double delta = 0;
  double p = 1;
  double adjusted_p = 1;  // to be held against error_rate
  // Whether there are runs enough for p to become small enough at all; if not, adjusted_p is 1.
  bool tested = false;
  Call call = Call::kUndecided;
  // Runs on each side below which the test cannot call this row, whatever they show.
  uint32_t least_runs = 0;
  // Of an undecided row: runs on each side, beyond those of the side that has fewer, with which it would be called
  // worse, better or same, if things are as they look now. Nothing: more than most_runs, or nothing to judge by yet.
  std::optional<uint32_t> more_repeats;
};

struct Comparison {
  double error_rate = 0;
  // By conditions; the pass rate first, then probes by name.
  std::vector<Row> rows;

  bool AnyWorse() const;
};

// Pure: the same samples and options give the same result, on any machine.
Comparison Compare(const Samples& a, const Samples& b, const CompareOptions& options = {});

// What a row that is undecided lacks, in words: "3 runs each can never tell, at least 5 are needed; 12 more repeats
// would decide". Empty for others.
std::string Lacks(const Row& row);

}  // namespace lk::report
