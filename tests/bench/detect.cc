// SPDX-License-Identifier: Apache-2.0
// Measures the throughput of the detection engine on one core, on console logs of the corpus repeated to 256 MiB: one
// input has clean boots, the other has reports in close succession. For comparison, `grep -c -F -f` searches the same
// bytes for the same literals, in memory as well. Times are CPU time, so that other load on the machine has little
// influence; the best of three counts. Use a release build.
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <limits>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "server/detect/engine.h"
#include "server/detect/signatures.h"

namespace {

namespace fs = std::filesystem;
using lk::detect::Finding;

constexpr size_t kBytes = size_t{256} << 20;
constexpr size_t kChunk = 64 << 10;  // the chunk size of lkd and lkctl
constexpr int kRounds = 3;

std::string ReadLog(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string all{std::istreambuf_iterator<char>(in), {}};
  constexpr std::string_view kEndOfHeader = "# ----\n";
  const size_t end = all.find(kEndOfHeader);
  if (end == std::string::npos) throw std::runtime_error(path.string() + ": not a log of the corpus");
  return all.substr(end + kEndOfHeader.size());
}

std::string Repeat(const std::string& text) {
  std::string all;
  all.reserve(kBytes + text.size());
  while (all.size() < kBytes) all += text;
  return all;
}

struct Logs {
  std::string clean;
  std::string dense;
};

Logs MakeLogs(const fs::path& corpus) {
  std::string clean;
  std::string dense;
  for (const fs::directory_entry& entry : fs::directory_iterator(corpus)) {
    const std::string name = entry.path().filename();
    if (!name.starts_with("linux-")) continue;
    const std::string log = ReadLog(entry.path());
    if (name.ends_with("-clean.log")) clean += log;
    for (const Finding& finding : lk::detect::Detect(log)) {
      dense.append(log, finding.start_offset, finding.end_offset - finding.start_offset);
    }
  }
  if (clean.empty() || dense.empty()) throw std::runtime_error(corpus.string() + ": no recorded logs");
  return {Repeat(clean), Repeat(dense)};
}

// CPU time of this process (RUSAGE_SELF) or of the children that it has waited for (RUSAGE_CHILDREN).
double CpuSeconds(int who) {
  rusage usage{};
  getrusage(who, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double BestSeconds(int who, const std::function<void()>& work) {
  double best = std::numeric_limits<double>::max();
  for (int round = 0; round < kRounds; ++round) {
    const double start = CpuSeconds(who);
    work();
    best = std::min(best, CpuSeconds(who) - start);
  }
  return best;
}

struct Measured {
  double seconds;
  uint64_t found;
};

Measured Engine(const std::string& log) {
  uint64_t found = 0;
  const double seconds = BestSeconds(RUSAGE_SELF, [&] {
    found = 0;
    lk::detect::Callbacks callbacks;
    callbacks.on_finding = [&](const Finding&) { ++found; };
    lk::detect::Engine engine({.invariants = {}, .announced_boots = UINT32_MAX}, std::move(callbacks));
    for (size_t at = 0; at < log.size(); at += kChunk) engine.Feed(std::string_view(log).substr(at, kChunk));
    engine.Finish();
  });
  return {seconds, found};
}

Measured Grep(const fs::path& literals, const fs::path& log) {
  const std::string command = fmt::format("LC_ALL=C grep -c -F -f '{}' '{}'", literals.string(), log.string());
  std::string said;
  const double seconds = BestSeconds(RUSAGE_CHILDREN, [&] {
    said.clear();
    FILE* const pipe = popen(command.c_str(), "r");
    if (pipe == nullptr) throw std::runtime_error("cannot run grep");
    char buffer[64];
    while (std::fgets(buffer, sizeof buffer, pipe) != nullptr) said += buffer;
    const int status = pclose(pipe);
    // Exit code 1 means that no line matched.
    if (!WIFEXITED(status) || WEXITSTATUS(status) > 1) throw std::runtime_error("grep failed");
  });
  return {seconds, std::stoull(said)};
}

void Compare(std::string_view name, const std::string& log, const fs::path& folder, const fs::path& literals) {
  const fs::path file = folder / "log";
  std::ofstream(file, std::ios::binary) << log;
  const Measured engine = Engine(log);
  const Measured grep = Grep(literals, file);
  const auto rate = [&](const Measured& m) { return static_cast<double>(log.size()) / m.seconds / 1e9; };
  fmt::print("{:<6} {:>9.2f} {:>10} {:>9.2f} {:>10} {:>8.1f}x\n", name, rate(engine), engine.found, rate(grep),
             grep.found, grep.seconds / engine.seconds);
}

}  // namespace

int main() try {
  // In memory, like the engine's input.
  std::string folder = "/dev/shm/lk-bench-detect.XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) throw std::runtime_error("cannot create a directory in /dev/shm");
  const fs::path literals = fs::path(folder) / "literals";
  try {
    std::set<std::string_view> rows;
    for (const lk::detect::Signature& signature : lk::detect::Signatures()) rows.insert(signature.literal);
    std::ofstream out(literals);
    for (const std::string_view literal : rows) out << literal << '\n';
    out.close();

    const Logs logs = MakeLogs(LK_CORPUS);
    fmt::print("{:<6} {:>9} {:>10} {:>9} {:>10} {:>9}\n", "log", "lk GB/s", "findings", "grep GB/s", "lines",
               "lk/grep");
    Compare("clean", logs.clean, folder, literals);
    Compare("dense", logs.dense, folder, literals);
  } catch (...) {
    fs::remove_all(folder);
    throw;
  }
  fs::remove_all(folder);
  return 0;
} catch (const std::exception& error) {
  fmt::print(stderr, "detect bench: {}\n", error.what());
  return 1;
}
