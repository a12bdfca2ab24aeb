// SPDX-License-Identifier: Apache-2.0
// Measures the detection engine on one core, on console logs of the corpus in every container, repeated to a file of
// the given size: one has clean boots, one has reports in close succession, and one has random bytes in each line. For
// comparison, `grep -c -F -f` searches the same file for the same literals. Times are CPU time of a separate process,
// so that other load on the machine has little influence. Use a release build.
#include <absl/cleanup/cleanup.h>
#include <fcntl.h>
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
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "server/detect/engine.h"
#include "server/detect/signatures.h"
#include "tests/corpus/carriers.h"

namespace {

namespace fs = std::filesystem;
using lk::detect::Carrier;
using lk::detect::Finding;

constexpr size_t kChunk = 64 << 10;  // the chunk size of lkd and lkctl

std::string ReadLog(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string all{std::istreambuf_iterator<char>(in), {}};
  constexpr std::string_view kEndOfHeader = "# ----\n";
  const size_t end = all.find(kEndOfHeader);
  if (end == std::string::npos) throw std::runtime_error(path.string() + ": not a log of the corpus");
  return all.substr(end + kEndOfHeader.size());
}

struct Logs {
  std::string clean;
  std::string dense;
  std::string random;
};

Logs MakeLogs(const fs::path& corpus) {
  Logs logs;
  for (const fs::directory_entry& entry : fs::directory_iterator(corpus)) {
    const std::string name = entry.path().filename();
    if (!name.starts_with("linux-")) continue;
    const std::string log = ReadLog(entry.path());
    if (name.ends_with("-clean.log")) logs.clean += log;
    for (const Finding& finding : lk::detect::Detect(log)) {
      logs.dense.append(log, finding.start_offset, finding.end_offset - finding.start_offset);
    }
  }
  if (logs.clean.empty() || logs.dense.empty()) throw std::runtime_error(corpus.string() + ": no recorded logs");
  std::minstd_rand random(1);
  while (logs.random.size() < (1U << 20)) {
    logs.random += fmt::format("[{:5}.{:06}] ", logs.random.size() / 1000, random() % 1000000);
    char byte = 0;
    do logs.random += byte = static_cast<char>(random() >> 8);
    while (byte != '\n');
  }
  return logs;
}

struct Used {
  double seconds = 0;
  long kibibytes = 0;  // at most
  std::string said;
};

// What a process uses that runs `work` and prints to `out`.
Used Run(const std::function<void(FILE* out)>& work) {
  int ends[2];
  if (pipe(ends) != 0) throw std::runtime_error("cannot create a pipe");
  std::fflush(stdout);
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("cannot fork");
  if (child == 0) {
    close(ends[0]);
    FILE* const out = fdopen(ends[1], "w");
    try {
      work(out);
    } catch (const std::exception& error) {
      fmt::print(stderr, "detect bench: {}\n", error.what());
      _exit(2);
    }
    std::fclose(out);
    _exit(0);
  }
  close(ends[1]);
  Used used;
  char buffer[256];
  for (ssize_t got = 0; (got = read(ends[0], buffer, sizeof buffer)) > 0;) {
    used.said.append(buffer, static_cast<size_t>(got));
  }
  close(ends[0]);
  int status = 0;
  rusage usage{};
  // Exit code 1 of grep means that no line matched.
  if (wait4(child, &status, 0, &usage) != child || !WIFEXITED(status) || WEXITSTATUS(status) > 1) {
    throw std::runtime_error("a measured process failed");
  }
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  used.seconds = seconds(usage.ru_utime) + seconds(usage.ru_stime);
  used.kibibytes = usage.ru_maxrss;
  return used;
}

Used Engine(const fs::path& log, bool containers) {
  return Run([&](FILE* out) {
    uint64_t found = 0;
    lk::detect::Callbacks callbacks;
    callbacks.on_finding = [&](const Finding&) { ++found; };
    lk::detect::Engine engine({.invariants = {}, .announced_boots = UINT32_MAX, .containers = containers},
                              std::move(callbacks));
    const int in = open(log.c_str(), O_RDONLY | O_CLOEXEC);
    std::vector<char> buffer(kChunk);
    for (ssize_t got = 0; (got = read(in, buffer.data(), buffer.size())) > 0;) {
      engine.Feed({buffer.data(), static_cast<size_t>(got)});
    }
    engine.Finish();
    fmt::print(out, "{}", found);
  });
}

Used Grep(const fs::path& literals, const fs::path& log) {
  return Run([&](FILE* out) {
    dup2(fileno(out), STDOUT_FILENO);
    setenv("LC_ALL", "C", 1);
    execlp("grep", "grep", "-c", "-F", "-f", literals.c_str(), log.c_str(), nullptr);
    throw std::runtime_error("cannot run grep");
  });
}

// The log with all timestamps this much later, so that it is not a copy of the same messages.
std::string Later(std::string_view log, uint64_t seconds) {
  std::string later;
  while (!log.empty()) {
    const size_t newline = log.find('\n');
    const std::string_view line = log.substr(0, newline == std::string_view::npos ? newline : newline + 1);
    const size_t digits = line.starts_with('[') ? line.find_first_not_of(' ', 1) : std::string_view::npos;
    const size_t dot = digits == std::string_view::npos ? digits : line.find_first_not_of("0123456789", digits);
    if (dot != std::string_view::npos && dot > digits && line[dot] == '.') {
      later += fmt::format("[{:5}", std::stoull(std::string(line.substr(digits, dot - digits))) + seconds);
      later += line.substr(dot);
    } else {
      later += line;
    }
    log.remove_prefix(line.size());
  }
  return later;
}

void Write(const fs::path& file, const std::string& log, const Carrier* carrier, size_t bytes) {
  constexpr uint64_t kSeconds = 60;  // the logs are shorter
  std::ofstream out(file, std::ios::binary);
  size_t written = 0;
  for (uint64_t n = 0; written < bytes; ++n) {
    std::string text = Later(log, n * kSeconds);
    if (carrier != nullptr) text = Carry(*carrier, lk::detect::Split(text));
    out << text;
    written += text.size();
  }
  if (!out.flush()) throw std::runtime_error(file.string() + ": cannot be written");
}

struct Args {
  size_t bytes = size_t{64} << 20;
  std::string log;   // "clean", "dense" or "random"; if empty, all
  std::string only;  // containers whose name or variant contains this
};

Args Parse(int argc, char** argv) {
  Args args;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--bytes" && i + 1 < argc) {
      args.bytes = std::stoull(argv[++i]);
    } else if (word == "--log" && i + 1 < argc) {
      args.log = argv[++i];
    } else if (!word.starts_with('-')) {
      args.only = word;
    } else {
      throw std::runtime_error("usage: detect [--bytes N] [--log clean|dense|random] [CONTAINER]");
    }
  }
  return args;
}

class Bench {
 public:
  Bench(const Args& args, fs::path folder) : args_(args), log_(folder / "log"), literals_(folder / "literals") {
    std::set<std::string_view> rows;
    for (const lk::detect::Signature& signature : lk::detect::Signatures()) rows.insert(signature.literal);
    std::ofstream out(literals_);
    for (const std::string_view literal : rows) out << literal << '\n';
  }

  // `carrier` is null for a plain console.
  void Measure(std::string_view container, std::string_view variant, std::string_view kind, const std::string& log,
               const Carrier* carrier, bool containers) {
    Write(log_, log, carrier, args_.bytes);
    const double bytes = static_cast<double>(fs::file_size(log_));
    const Used engine = Engine(log_, containers);
    const Used grep = Grep(literals_, log_);
    fmt::print("{:<40} {:<28} {:<6} {:>8.2f} {:>9} {:>6} {:>8.2f} {:>9} {:>8.2f}\n", container, variant, kind,
               bytes / engine.seconds / 1e9, engine.said, engine.kibibytes >> 10, bytes / grep.seconds / 1e9,
               grep.said.substr(0, grep.said.find('\n')), engine.seconds / grep.seconds);
    std::fflush(stdout);
  }

 private:
  const Args& args_;
  fs::path log_;
  fs::path literals_;
};

}  // namespace

int main(int argc, char** argv) try {
  const Args args = Parse(argc, argv);
  // In memory, so that reading costs nothing.
  std::string folder = "/dev/shm/lk-bench-detect.XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) throw std::runtime_error("cannot create a directory in /dev/shm");
  const absl::Cleanup clean_up = [&] { fs::remove_all(folder); };

  const Logs logs = MakeLogs(LK_CORPUS);
  const std::pair<std::string_view, const std::string&> kinds[] = {
      {"clean", logs.clean}, {"dense", logs.dense}, {"random", logs.random}};
  Bench bench(args, folder);
  fmt::print("{:<40} {:<28} {:<6} {:>8} {:>9} {:>6} {:>8} {:>9} {:>8}\n", "container", "", "log", "lk GB/s", "findings",
             "MiB", "grep", "lines", "lk:grep");
  const auto wanted = [&](std::string_view name) { return name.find(args.only) != std::string_view::npos; };
  for (const auto& [kind, log] : kinds) {
    if (!args.log.empty() && kind != args.log) continue;
    constexpr std::string_view kNone = "none, as in lkd";
    if (wanted(kNone)) bench.Measure(kNone, "", kind, log, nullptr, false);
    if (wanted("console")) bench.Measure("console", "", kind, log, nullptr, true);
    for (const Carrier& carrier : lk::detect::Carriers()) {
      if (!wanted(carrier.name) && !wanted(carrier.variant)) continue;
      bench.Measure(carrier.name, carrier.variant, kind, log, &carrier, true);
    }
  }
  return 0;
} catch (const std::exception& error) {
  fmt::print(stderr, "detect bench: {}\n", error.what());
  return 1;
}
