// SPDX-License-Identifier: Apache-2.0
#include "server/report/statistics_proportions.h"

#include <algorithm>
#include <boost/math/constants/constants.hpp>
#include <boost/math/distributions/binomial.hpp>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/special_functions/gamma.hpp>
#include <boost/math/tools/minima.hpp>
#include <cmath>
#include <numeric>
#include <vector>

namespace lk::report {
namespace {

// Probabilities that differ by a smaller factor are equal apart from rounding.
constexpr double kSlack = 1 + 1e-7;
constexpr uint64_t kMaxTables = 250'000;
// Number of common success rates to try, over half of their range, since the other half is symmetrical. They are evenly
// spaced in asin(sqrt(rate)), where a proportion has the same spread everywhere.
constexpr int kNuisancePoints = 128;
constexpr double kHalfAngle = boost::math::constants::pi<double>() / 4;

double RateAt(double angle) {
  return std::sin(angle) * std::sin(angle);
}

double LogFactorial(uint32_t n) {
  return boost::math::lgamma(n + 1.0);
}

// Logarithms of the binomial coefficients n choose 0 ... n.
std::vector<double> LogChoices(uint32_t n) {
  std::vector<double> logs(n + 1);
  for (uint32_t k = 0; k <= n; ++k) logs[k] = LogFactorial(n) - LogFactorial(k) - LogFactorial(n - k);
  return logs;
}

// Probabilities of 0 ... n successes, for 0 < rate < 1.
std::vector<double> Binomial(const std::vector<double>& log_choices, double rate) {
  const double hit = std::log(rate);
  const double missed = std::log1p(-rate);
  std::vector<double> probabilities(log_choices.size());
  for (size_t k = 0; k < log_choices.size(); ++k) {
    const auto successes = static_cast<double>(k);
    const auto failures = static_cast<double>(log_choices.size() - 1 - k);
    probabilities[k] = std::exp(log_choices[k] + successes * hit + failures * missed);
  }
  return probabilities;
}

// Fisher's p of each table with the given row and column totals. The first table has `first` successes in sample a.
struct Conditional {
  uint32_t first = 0;
  std::vector<double> p;
};

Conditional GivenSuccesses(const std::vector<double>& choices_a, const std::vector<double>& choices_b,
                           uint32_t successes) {
  const auto trials_a = static_cast<uint32_t>(choices_a.size() - 1);
  const auto trials_b = static_cast<uint32_t>(choices_b.size() - 1);
  const uint32_t first = successes > trials_b ? successes - trials_b : 0;
  const uint32_t last = std::min(successes, trials_a);
  std::vector<double> likely;
  for (uint32_t x = first; x <= last; ++x) likely.push_back(choices_a[x] + choices_b[successes - x]);
  const double greatest = std::ranges::max(likely);
  for (double& value : likely) value = std::exp(value - greatest);
  const double all = std::accumulate(likely.begin(), likely.end(), 0.0);

  std::vector<double> sorted = likely;
  std::ranges::sort(sorted);
  std::vector<double> sums(sorted.size() + 1);
  std::partial_sum(sorted.begin(), sorted.end(), sums.begin() + 1);
  Conditional result{.first = first, .p = {}};
  for (const double value : likely) {
    const auto at_most = std::ranges::upper_bound(sorted, value * kSlack) - sorted.begin();
    result.p.push_back(std::min(1.0, sums[static_cast<size_t>(at_most)] / all));
  }
  return result;
}

// All tables with the given row totals.
class Tables {
 public:
  struct Table {
    uint32_t a = 0, b = 0;  // successes
    double p = 1;           // Fisher's
  };

  Tables(uint32_t trials_a, uint32_t trials_b) : choices_a_(LogChoices(trials_a)), choices_b_(LogChoices(trials_b)) {
    for (uint32_t successes = 0; successes <= trials_a + trials_b; ++successes) {
      const Conditional conditional = GivenSuccesses(choices_a_, choices_b_, successes);
      for (uint32_t i = 0; i < conditional.p.size(); ++i) {
        tables_.push_back({conditional.first + i, successes - conditional.first - i, conditional.p[i]});
      }
    }
    std::ranges::sort(tables_, {}, &Table::p);
  }

  // How many tables have at most this p; they come first.
  size_t AtMost(double p) const {
    return static_cast<size_t>(std::ranges::upper_bound(tables_, p * kSlack, {}, &Table::p) - tables_.begin());
  }

  // Total probability of the `count` most extreme tables.
  double Probability(size_t count, double rate_a, double rate_b) const {
    const std::vector<double> a = Binomial(choices_a_, rate_a);
    const std::vector<double> b = Binomial(choices_b_, rate_b);
    double sum = 0;
    for (size_t i = 0; i < count; ++i) sum += a[tables_[i].a] * b[tables_[i].b];
    return sum;
  }

  // The largest number of most extreme tables whose total probability is at most alpha for every common rate.
  size_t Critical(double alpha) const {
    size_t count = tables_.size();
    for (int point = 1; point <= kNuisancePoints; ++point) {
      const double rate = RateAt(kHalfAngle * point / kNuisancePoints);
      const std::vector<double> a = Binomial(choices_a_, rate);
      const std::vector<double> b = Binomial(choices_b_, rate);
      double sum = 0;
      for (size_t i = 0; i < count; ++i) {
        sum += a[tables_[i].a] * b[tables_[i].b];
        if (sum > alpha) count = i;
      }
    }
    // Equally extreme tables are either all included or all left out.
    while (count > 0 && count < tables_.size() && tables_[count].p <= tables_[count - 1].p * kSlack) --count;
    return count;
  }

 private:
  std::vector<double> choices_a_, choices_b_;
  std::vector<Table> tables_;
};

double NormalQuantile(double confidence) {
  return boost::math::quantile(boost::math::normal(), 0.5 + confidence / 2);
}

// Keeps logarithms finite, and changes the probability of a table by no more than a rounding error.
double Open(double rate) {
  return std::clamp(rate, 1e-12, 1 - 1e-12);
}

}  // namespace

double FisherP(Proportion a, Proportion b) {
  if (a.trials == 0 || b.trials == 0) return 1;
  const Conditional conditional = GivenSuccesses(LogChoices(a.trials), LogChoices(b.trials), a.successes + b.successes);
  return conditional.p[a.successes - conditional.first];
}

double BoschlooP(Proportion a, Proportion b) {
  if (a.trials == 0 || b.trials == 0) return 1;
  const double fisher = FisherP(a, b);
  if ((uint64_t{a.trials} + 1) * (uint64_t{b.trials} + 1) > kMaxTables) return fisher;
  const Tables tables(a.trials, b.trials);
  const size_t extreme = tables.AtMost(fisher);
  const auto unlikely = [&](double angle) {
    const double rate = RateAt(angle);
    return -tables.Probability(extreme, rate, rate);
  };
  const double step = kHalfAngle / kNuisancePoints;
  double peak = step;
  double most = 0;
  for (int point = 1; point <= kNuisancePoints; ++point) {
    if (const double probability = -unlikely(step * point); probability > most) {
      most = probability;
      peak = step * point;
    }
  }
  constexpr int kBits = 20;
  const auto refined = boost::math::tools::brent_find_minima(unlikely, peak - step / 2, peak + step / 2, kBits);
  return std::min({1.0, fisher, std::max(most, -refined.second)});
}

double SmallestBoschlooP(uint32_t trials_a, uint32_t trials_b) {
  return BoschlooP({trials_a, trials_a}, {0, trials_b});
}

uint32_t LeastTrials(double alpha) {
  return std::max(2u, static_cast<uint32_t>(std::ceil((1 - std::log2(alpha)) / 2)));
}

Interval ClopperPearson(Proportion proportion, double confidence) {
  if (proportion.trials == 0) return {0, 1};
  using boost::math::binomial;
  const double tail = (1 - confidence) / 2;
  const double trials = proportion.trials;
  const double successes = proportion.successes;
  return {binomial::find_lower_bound_on_p(trials, successes, tail),
          binomial::find_upper_bound_on_p(trials, successes, tail)};
}

Interval WilsonScore(Proportion proportion, double confidence) {
  if (proportion.trials == 0) return {0, 1};
  const double z = NormalQuantile(confidence);
  const double n = proportion.trials;
  const double rate = proportion.rate();
  const double middle = rate + z * z / (2 * n);
  const double reach = z * std::sqrt(rate * (1 - rate) / n + z * z / (4 * n * n));
  const double scale = 1 + z * z / n;
  return {std::max(0.0, (middle - reach) / scale), std::min(1.0, (middle + reach) / scale)};
}

Interval NewcombeDifference(Proportion a, Proportion b, double confidence) {
  if (a.trials == 0 || b.trials == 0) return {-1, 1};
  const Interval of_a = WilsonScore(a, confidence);
  const Interval of_b = WilsonScore(b, confidence);
  const double difference = b.rate() - a.rate();
  return {difference - std::hypot(b.rate() - of_b.low, of_a.high - a.rate()),
          difference + std::hypot(of_b.high - b.rate(), a.rate() - of_a.low)};
}

double BoschlooPower(uint32_t trials, double rate_a, double rate_b, double alpha) {
  const Tables tables(trials, trials);
  return tables.Probability(tables.Critical(alpha), Open(rate_a), Open(rate_b));
}

std::optional<uint32_t> TrialsToTell(double rate_a, double rate_b, double alpha, double power, uint32_t most) {
  const auto enough = [&](uint32_t trials) { return BoschlooPower(trials, rate_a, rate_b, alpha) >= power; };
  uint32_t too_few = 0;
  uint32_t trials = 1;
  while (!enough(trials)) {
    if (trials >= most) return std::nullopt;
    too_few = trials;
    trials = std::min(most, trials * 2);
  }
  while (trials - too_few > 1) {
    const uint32_t middle = too_few + (trials - too_few) / 2;
    (enough(middle) ? trials : too_few) = middle;
  }
  return trials;
}

std::optional<uint32_t> TrialsToBound(double rate_a, double rate_b, double margin, double confidence, uint32_t most) {
  const auto of = [](double rate, uint32_t trials) {
    return Proportion{static_cast<uint32_t>(std::lround(rate * trials)), trials};
  };
  for (uint32_t trials = 1; trials <= most; ++trials) {
    if (NewcombeDifference(of(rate_a, trials), of(rate_b, trials), confidence).Inside(-margin, margin)) return trials;
  }
  return std::nullopt;
}

}  // namespace lk::report
