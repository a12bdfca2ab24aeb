// SPDX-License-Identifier: Apache-2.0
// The logs of the corpus have the same findings in every container, however they are split, and with or without the
// prefilter.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "server/detect/engine.h"
#include "server/detect/fold.h"
#include "server/detect/kernel_line.h"
#include "tests/corpus/carriers.h"

namespace lk::detect {
namespace {

namespace fs = std::filesystem;

std::string Log(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string all{std::istreambuf_iterator<char>(in), {}};
  constexpr std::string_view kEndOfHeader = "# ----\n";
  return all.substr(all.find(kEndOfHeader) + kEndOfHeader.size());
}

struct Searched {
  std::string found;
  std::string container;
};

// Kind, title and number of the findings in a log that is fed in pieces of the sizes returned by `next`.
template <typename Next>
Searched Search(std::string_view log, Next next, bool prefilter = true) {
  std::vector<Finding> found;
  Callbacks callbacks;
  callbacks.on_finding = [&](Finding finding) { found.push_back(std::move(finding)); };
  Engine engine({.invariants = {}, .prefilter = prefilter, .containers = true}, std::move(callbacks));
  while (!log.empty()) {
    const std::string_view piece = log.substr(0, next());
    engine.Feed(piece);
    log.remove_prefix(piece.size());
  }
  engine.Finish();
  Searched result{"", engine.facts().container};
  for (const Finding& finding : Fold(std::move(found))) {
    result.found += fmt::format("{} x {} {}\n", finding.count, ToString(finding.kind), finding.title);
  }
  return result;
}

Searched SearchWhole(std::string_view log, bool prefilter = true) {
  return Search(
      log, [&] { return log.size(); }, prefilter);
}

// The console log with nothing more than the container has room for.
std::string Plain(const Carrier& carrier, const std::vector<CarriedLine>& lines) {
  std::string out;
  for (const CarriedLine& line : lines) {
    if (carrier.callers || !line.kernel || line.caller.empty()) {
      out += line.raw;
    } else {
      out += fmt::format("[{:5}.{:06}] {}", line.micros / 1000000, line.micros % 1000000, line.text);
    }
    out += '\n';
  }
  return out;
}

class Containers : public testing::TestWithParam<size_t> {
 protected:
  const Carrier& carrier_ = Carriers()[GetParam()];

  static std::vector<fs::path> Logs() {
    std::vector<fs::path> logs;
    for (const fs::directory_entry& entry : fs::directory_iterator(LK_CORPUS)) logs.push_back(entry.path());
    std::ranges::sort(logs);
    return logs;
  }
};

TEST_P(Containers, CorpusHasTheSameFindings) {
  for (const fs::path& path : Logs()) {
    const std::string log = Log(path);
    if (carrier_.records && log.find(kReplayNote) != std::string::npos) continue;
    const std::vector<CarriedLine> lines = Split(log);
    const std::string carried = Carry(carrier_, lines);
    const Searched expected = SearchWhole(Plain(carrier_, lines));
    const Searched got = SearchWhole(carried);
    EXPECT_EQ(got.found, expected.found) << path;
    EXPECT_EQ(got.container, carrier_.name) << path;

    EXPECT_EQ(SearchWhole(carried, false).found, got.found) << path << ", without the prefilter";
    std::minstd_rand random(7);
    const auto some = [&] { return 1 + random() % (random() % 8 == 0 ? 4000 : 40); };
    EXPECT_EQ(Search(carried, some).found, got.found) << path << ", in random pieces";
    EXPECT_EQ(Search(carried, [] { return size_t{1}; }).found, got.found) << path << ", byte by byte";
  }
}

TEST_P(Containers, SplitAnywhereHasTheSameFindings) {
  const std::string carried = Carry(carrier_, Split(Log(fs::path(LK_CORPUS) / "synthetic-workqueue-lockup.log")));
  const std::string whole = SearchWhole(carried).found;
  EXPECT_NE(whole, "");
  for (size_t at = 1; at < carried.size(); ++at) {
    size_t next = at;
    ASSERT_EQ(Search(carried, [&] { return std::exchange(next, carried.size()); }).found, whole) << "at " << at;
  }
}

// So long that most lines are not read.
TEST_P(Containers, LongLogsHaveTheSameFindings) {
  std::string log;
  for (int i = 0; log.size() < (300U << 10); ++i) {
    log += fmt::format("[{:5}.{:06}] pump 0000:00:1f.2: stage {} of the pump holds its pressure\n", i, i % 7, i % 9);
  }
  log += fmt::format("[{:5}.000000] Kernel panic - not syncing: the pump has burst\n", log.size());
  const std::string carried = Carry(carrier_, Split(log));
  const std::string whole = SearchWhole(carried).found;
  EXPECT_EQ(whole, "1 x panic kernel panic: the pump has burst\n");
  EXPECT_EQ(SearchWhole(carried, false).found, whole) << "without the prefilter";
  for (const size_t size : {1, 61, 4500}) {
    EXPECT_EQ(Search(carried, [&] { return size; }).found, whole) << "in pieces of " << size;
  }
}

std::string NameOf(const testing::TestParamInfo<size_t>& test) {
  const Carrier& carrier = Carriers()[test.param];
  std::string name = fmt::format("{}_{}", carrier.name, carrier.variant);
  std::ranges::replace_if(
      name, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
  return name;
}
INSTANTIATE_TEST_SUITE_P(All, Containers, testing::Range(size_t{0}, Carriers().size()), NameOf);

}  // namespace
}  // namespace lk::detect
