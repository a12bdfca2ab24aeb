// SPDX-License-Identifier: Apache-2.0
// Is kernel b worse than kernel a, and how certain is the answer?
//
// The independent observations are runs, never individual latency samples: the samples of a run share its boot, its
// host and its point in time, and a thousand of them say no more about the next boot than one does. A run therefore
// yields one outcome, and one value per percentile of each probe; these are what the tests compare.
//
//   pass rate   Boschloo's exact test; Clopper-Pearson interval for each side, Newcombe's for the difference
//   latency     rank-sum test of the runs' percentiles; Cliff's delta; bootstrap interval for the ratio, from
//               resampled runs
//
// The stated error rate applies to the whole comparison, since one wrong call is enough to stop a release: it is the
// probability of calling any row worse or better in which the kernels do not differ (Holm's method, over the rows that
// have enough runs to be worth testing at all). "Same" means more than that no difference was found: the interval
// lies wholly within the margin that the user considers irrelevant (D. J. Schuirmann, Journal of Pharmacokinetics and
// Biopharmaceutics 15, 1987, 657-680; at half the stated error rate, row by row). Any other row is undecided, and says,
// if that can be estimated, how many more repeats would be enough to decide it.
//
// The two sides are assumed to differ only in the kernel; running both kernels in one campaign, on the same hosts,
// ensures that. The source of each method is cited with its function in statistics_*.h.
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

// Only runs under the same conditions are compared: an emulated run says nothing about real hardware, and a latency
// under TCG says nothing about KVM. A kernel with a harness is compared only with kernels that have it as well.
struct Conditions {
  std::string scenario;
  std::string profile;
  std::string accelerator;  // kvm, tcg
  bool emulated = false;
  bool harness = false;

  auto operator<=>(const Conditions&) const = default;  // NOLINT(modernize-use-nullptr): a false positive
};

// The evidence that one run gives about its kernel.
struct RunSample {
  bool passed = false;
  std::map<std::string, Histogram> latencies;  // by probe
};

using Samples = std::map<Conditions, std::vector<RunSample>>;

// The evidence about one kernel:
// - Only pass and fail count. Error, miss, skip and unproven say nothing about the kernel.
// - Of several attempts at a cell of a campaign, the first that passed or failed counts, even if it was superseded: a
//   retry is made because the first attempt failed, so counting it instead would forgive failures but never passes, and
//   counting both would make the number of runs depend on their outcome. A flaky scenario thus shows up as what it is:
//   a pass rate below 1.
// - Latencies of failed runs count, or the slowest would be left out; those of runs whose VM was paused do not.
//
// A mutant is treated like any other kernel: its runs are evidence about that kernel alone.
class Evidence {
 public:
  // Runs can be added in any order. Those that are not done are ignored.
  void Add(const campaign::Run& run);

  Samples ToSamples() const;

 private:
  struct Cell {
    std::string campaign;
    uint32_t number = 0;

    auto operator<=>(const Cell&) const = default;  // NOLINT(modernize-use-nullptr): a false positive
  };
  struct Counted {
    uint32_t attempt = 0;
    Conditions conditions;
    RunSample sample;
  };
  std::map<Cell, Counted> cells_;
};

// A percentile, and its name in budgets.
struct Percentile {
  std::string_view word;  // p50, p90, p99, max
  double quantile = 0;    // 1 = the maximum
};
inline constexpr Percentile kP50 = {"p50", 0.5};
inline constexpr Percentile kP90 = {"p90", 0.9};
inline constexpr Percentile kP99 = {"p99", 0.99};
inline constexpr Percentile kMax = {"max", 1};

// Rates and power are between 0 and 1, margins above 0. The values are checked where a user sets them.
struct CompareOptions {
  double error_rate = 0.05;
  // Probability that more_repeats is enough to decide, if the true values are those observed so far.
  double power = 0.8;
  // Differences within these margins do not matter: absolute for pass rates, relative for latencies. Histograms have a
  // resolution of 1/32, so smaller margins make no sense for latencies.
  double pass_rate_margin = 0.1;
  double latency_margin = 0.1;
  // Compared for each probe. Each percentile adds a row per probe, which reduces the power of the other rows.
  std::vector<Percentile> percentiles = {kP50, kP99};
  uint32_t resamples = 2000;
  uint64_t seed = 1;
  // more_repeats is not estimated beyond this number of runs.
  uint32_t max_runs = 200;
};

enum class Call { kWorse, kBetter, kSame, kUndecided };
std::string_view ToString(Call call);

enum class Measure { kPassRate, kLatency };

struct Side {
  uint32_t runs = 0;  // that count
  // The share of runs that passed, or a latency in seconds, over all runs merged. 0 without runs.
  double value = 0;
  std::optional<Interval> interval;  // only for pass rates
};

struct Row {
  Conditions conditions;
  Measure measure = Measure::kPassRate;
  std::string what;  // "pass_rate", "timer_wakeup_p99"
  Side a, b;
  // Pass rate: b's minus a's. Latency: b's divided by a's. Not set if a side has no runs.
  std::optional<double> effect;
  std::optional<Interval> interval;  // of the effect, at a confidence of 1 - error_rate
  // Cliff's delta of the runs' values, b against a; for pass rates, the effect itself.
  double delta = 0;
  double p = 1;
  double adjusted_p = 1;  // compare with error_rate
  // Whether there are enough runs for p to become significant at all; if not, adjusted_p is 1.
  bool tested = false;
  Call call = Call::kUndecided;
  // Minimum number of runs on each side for the test to be able to call this row worse or better.
  uint32_t least_runs = 0;
  // For an undecided row: how many more runs the side with fewer runs needs before the row can be called worse, better
  // or same, if the true values are those observed so far; the other side needs as many runs in total. Not set if that
  // takes more than max_runs, or if there is no basis for an estimate yet.
  std::optional<uint32_t> more_repeats;
};

struct Comparison {
  double error_rate = 0;
  // Sorted by conditions; the pass rate first, then probes by name.
  std::vector<Row> rows;

  bool AnyWorse() const;
};

// Pure: the same samples and options give the same result, on any machine.
Comparison Compare(const Samples& a, const Samples& b, const CompareOptions& options = {});

// What an undecided row lacks, in words: "too few runs to decide (3 each, at least 5 each needed); 12 more repeats
// would be enough to decide, if the observed difference is real". Empty for other rows.
std::string Lacks(const Row& row);

}  // namespace lk::report
