// SPDX-License-Identifier: Apache-2.0
// Comparisons of recorded real runs (recorded/README.md): a kernel must not differ from itself, and a mutant must
// differ from the kernel that it was made from.
#include <absl/strings/escaping.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/math/distributions/binomial.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <span>

#include "server/report/compare.h"
#include "support/histogram_proto.h"
#include "tests/unit/report/samples.h"

namespace lk::report {
namespace {

using nlohmann::json;

std::vector<campaign::Run> ReadRecord(const std::string& name) {
  std::vector<campaign::Run> runs;
  std::ifstream file(std::string(LK_RECORDED_DIR) + "/" + name);
  for (std::string line; std::getline(file, line);) {
    const json record = json::parse(line);
    campaign::Run& run = runs.emplace_back();
    run.state = campaign::RunState::kDone;
    run.campaign_id = name;
    run.kernel_release = record["kernel"].get<std::string>();
    run.scenario = record["scenario"].get<std::string>();
    run.profile = record["profile"].get<std::string>();
    run.accelerator = record["accelerator"].get<std::string>();
    run.verdict = campaign::ParseVerdict(record["verdict"].get<std::string>()).value();
    run.control = record["control"].get<bool>();
    run.emulated = record["emulated"].get<bool>();
    run.cell = record["cell"].get<uint32_t>();
    run.attempt = record["attempt"].get<uint32_t>();
    run.paused_seconds = record["paused"].get<double>();
    for (const auto& [probe, body] : record["latencies"].items()) {
      std::string bytes;
      v1::Histogram histogram;
      EXPECT_TRUE(absl::Base64Unescape(body.get<std::string>(), &bytes) && histogram.ParseFromString(bytes));
      run.latencies[probe] = HistogramFromProto(histogram).value();
    }
  }
  return runs;
}

Samples ToSamples(std::span<const campaign::Run> runs) {
  Evidence evidence;
  for (const campaign::Run& run : runs) evidence.Add(run);
  return evidence.ToSamples();
}

// Splits the recorded runs in half at random, `comparisons` times, and returns how often a difference is called.
int Called(std::vector<campaign::Run> record, int comparisons, const CompareOptions& options) {
  Dice dice(2026);
  int called = 0;
  for (int i = 0; i < comparisons; ++i) {
    std::ranges::shuffle(record, dice.engine());
    const auto middle = record.begin() + static_cast<std::ptrdiff_t>(record.size() / 2);
    const Comparison comparison =
        Compare(ToSamples(std::span(record.begin(), middle)), ToSamples(std::span(middle, record.end())), options);
    // Each half has enough runs to call a difference if there is one.
    EXPECT_TRUE(std::ranges::all_of(comparison.rows, &Row::tested));
    called += std::ranges::any_of(comparison.rows,
                                  [](const Row& row) { return row.call == Call::kWorse || row.call == Call::kBetter; });
  }
  return called;
}

TEST(Recorded, OneKernelDiffersFromItselfAtMostAsOftenAsStated) {
  const std::vector<campaign::Run> record = ReadRecord("baseline.jsonl");
  ASSERT_GE(record.size(), 20u);
  CompareOptions options;
  // A few comparisons: at the stated error rate, the number of alarms would exceed this limit only one time in a
  // thousand.
  constexpr int kFew = 50;
  EXPECT_LE(Called(record, kFew, options),
            boost::math::quantile(boost::math::complement(boost::math::binomial(kFew, options.error_rate), 0.001)));
  // Many comparisons, without the intervals and sample sizes that do not matter here, to check the rate itself.
  constexpr int kMany = 1000;
  options.resamples = 20;
  options.max_runs = 0;
  EXPECT_LE(Called(record, kMany, options), kMany * options.error_rate);
}

TEST(Recorded, AMutantIsWorseThanTheOriginalKernel) {
  const std::vector<campaign::Run> record = ReadRecord("mutant.jsonl");
  std::vector<campaign::Run> lab, mutant;
  for (const campaign::Run& run : record) (run.control ? mutant : lab).push_back(run);
  const Comparison comparison = Compare(ToSamples(lab), ToSamples(mutant));
  ASSERT_FALSE(comparison.rows.empty());
  const Row& row = comparison.rows[0];
  EXPECT_EQ(row.what, "pass_rate");
  EXPECT_EQ(row.call, Call::kWorse);
  EXPECT_LE(row.adjusted_p, 0.05);
  EXPECT_LT(row.interval->high, 0);
  EXPECT_FALSE(Compare(ToSamples(mutant), ToSamples(lab)).AnyWorse());
}

}  // namespace
}  // namespace lk::report
