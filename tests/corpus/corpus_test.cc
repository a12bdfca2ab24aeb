// SPDX-License-Identifier: Apache-2.0
// Runs the engine on console logs and compares its findings with those in the header of each file. A file has a header
// of "# " lines, a line "# ----", and the raw console log. The header has a description, optional lines
// "# invariant NAME: LITERAL" and "# announced boots: N", and after "# found:" the findings, which LK_UPDATE_GOLDEN=1
// rewrites: all reports and, if some share a cause, the causes with their numbers of reports. Offsets count from the
// start of the log.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "lk/v1/scenario.pb.h"
#include "server/campaign/findings.h"
#include "server/detect/engine.h"
#include "server/detect/fold.h"

namespace lk::detect {
namespace {

constexpr std::string_view kEndOfHeader = "# ----\n";
constexpr std::string_view kFound = "# found:\n";

struct Case {
  std::string description;  // up to and including "# found:"
  std::string found;
  std::string log;
  Options options;
};

Case Read(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string all{std::istreambuf_iterator<char>(in), {}};
  const size_t end = all.find(kEndOfHeader);
  const size_t found = all.find(kFound);
  if (end == std::string::npos || found == std::string::npos || found > end) {
    throw std::runtime_error(path.string() + ": no \"# found:\" or \"# ----\" line");
  }
  Case result{all.substr(0, found + kFound.size()),
              all.substr(found + kFound.size(), end - found - kFound.size()),
              all.substr(end + kEndOfHeader.size()),
              {}};

  constexpr std::string_view kInvariant = "# invariant ";
  constexpr std::string_view kBoots = "# announced boots: ";
  std::istringstream lines(result.description);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(kInvariant)) {
      const size_t colon = line.find(": ");
      result.options.invariants.push_back(
          {line.substr(kInvariant.size(), colon - kInvariant.size()), line.substr(colon + 2)});
    } else if (line.starts_with(kBoots)) {
      result.options.announced_boots = static_cast<uint32_t>(std::stoul(line.substr(kBoots.size())));
    }
  }
  return result;
}

// The engine's output for a log that is fed in pieces of the sizes returned by `next`.
template <typename Next>
std::string Search(const Case& test, Next next, bool prefilter = true) {
  std::string out;
  std::vector<Finding> found;
  Callbacks callbacks;
  callbacks.on_finding = [&](const Finding& f) {
    out += fmt::format("# {} [{}, {}){}{}{}{}{}\n#   {}\n", ToString(f.kind), f.start_offset, f.end_offset,
                       f.fatal ? " fatal" : "", f.nmi ? " nmi" : "", f.transient ? " transient" : "",
                       f.saturated ? " saturated" : "", f.corrupted ? " corrupted" : "", f.title);
    for (const std::string& title : f.alt_titles) out += fmt::format("#   also: {}\n", title);
    if (f.cpu >= 0) out += fmt::format("#   cpu: {}\n", f.cpu);
    if (!f.task.empty()) out += fmt::format("#   task: {}\n", f.task);
    if (f.seconds_stuck > 0) out += fmt::format("#   seconds: {}\n", f.seconds_stuck);
    if (!f.taint.empty()) out += fmt::format("#   kernel: {}, {}\n", f.kernel_release, f.taint);
    if (!f.frames.empty()) out += "#   stack:";
    for (const Frame& frame : f.frames) {
      out += fmt::format(" {}+{:#x}{}", frame.function, frame.offset,
                         frame.module.empty() ? "" : "[" + frame.module + "]");
    }
    if (!f.frames.empty()) out += '\n';
    for (const CpuStack& other : f.others) {
      out += fmt::format("#   cpu {}: {}{}\n", other.cpu, other.function,
                         other.task.empty() ? "" : " (" + other.task + ")");
    }
    found.push_back(f);
  };
  callbacks.on_canary = [&](std::string_view nonce) { out += fmt::format("# canary {}\n", nonce); };
  Options options = test.options;
  options.prefilter = prefilter;
  Engine engine(std::move(options), std::move(callbacks));
  for (size_t at = 0; at < test.log.size();) {
    const size_t size = std::min(next(), test.log.size() - at);
    engine.Feed(std::string_view(test.log).substr(at, size));
    at += size;
  }
  engine.Finish();
  const size_t reports = found.size();
  const std::vector<Finding> causes = Fold(std::move(found));
  if (causes.size() < reports) out += "# causes:\n";
  for (const Finding& cause : causes) {
    if (causes.size() < reports) out += fmt::format("#   {} x {}\n", cause.count, cause.title);
  }
  return out.empty() ? "# nothing\n" : out;
}

class Corpus : public testing::TestWithParam<std::filesystem::path> {};

TEST_P(Corpus, FindingsMatchTheHeader) {
  const Case test = Read(GetParam());
  const std::string found = Search(test, [&] { return test.log.size(); });
  if (std::getenv("LK_UPDATE_GOLDEN") != nullptr) {
    std::ofstream(GetParam(), std::ios::binary) << test.description << found << kEndOfHeader << test.log;
  } else {
    EXPECT_EQ(found, test.found) << GetParam();
  }
}

TEST_P(Corpus, FindingsDoNotDependOnHowTheLogIsSplit) {
  const Case test = Read(GetParam());
  const std::string whole = Search(test, [&] { return test.log.size(); });
  EXPECT_EQ(Search(test, [] { return size_t{1}; }), whole);
  EXPECT_EQ(Search(
                test, [&] { return test.log.size(); }, false),
            whole)
      << "the findings are the same without the prefilter";
  for (unsigned seed = 1; seed <= 5; ++seed) {
    std::mt19937 random(seed);
    std::uniform_int_distribution<size_t> sizes(1, seed * 97);
    EXPECT_EQ(Search(test, [&] { return sizes(random); }), whole) << "seed " << seed;
  }
}

TEST_P(Corpus, ARunShowsTheFindingsOfItsWholeConsole) {
  const Case test = Read(GetParam());
  const std::vector<Finding> reports = Detect(test.log, test.options);
  campaign::Evidence run;
  campaign::ConsoleReports console;
  for (const Finding& report : reports) campaign::AddReport(run, console, report, v1::ScenarioDescriptor());
  const auto in_words = [](const std::vector<Finding>& findings) {
    std::string text;
    bool died = false;
    for (const Finding& f : findings) {
      // A run does not show the reboot of a kernel that has died.
      if (died && f.kind == Kind::kUnexpectedReboot) continue;
      died = died || f.fatal;
      text += fmt::format("{} x {} {} at {}\n", f.count, ToString(f.kind), f.title, f.start_offset);
      for (const std::string& title : std::set(f.alt_titles.begin(), f.alt_titles.end())) {
        text += fmt::format("  also: {}\n", title);
      }
    }
    return text;
  };
  EXPECT_EQ(in_words(run.findings), in_words(Fold(reports)));
}

std::vector<std::filesystem::path> Files() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(LK_CORPUS)) files.push_back(entry.path());
  std::ranges::sort(files);
  return files;
}

INSTANTIATE_TEST_SUITE_P(Console, Corpus, testing::ValuesIn(Files()), [](const auto& test) {
  std::string name = test.param.stem();
  std::ranges::replace_if(
      name, [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); }, '_');
  return name;
});

}  // namespace
}  // namespace lk::detect
