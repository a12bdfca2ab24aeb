// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/detect.h"

#include <absl/time/clock.h>
#include <fmt/format.h>
#include <poll.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <ostream>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cli/exit_code.h"
#include "cli/interrupt.h"
#include "cli/known_problems.h"
#include "cli/log_files.h"
#include "cli/log_reader.h"
#include "cli/output/finding_view.h"
#include "cli/output/status_line.h"
#include "cli/output/text.h"
#include "server/detect/engine.h"
#include "server/detect/fold.h"
#include "server/symbols/symbols.h"
#include "server/yaml/node.h"

namespace lk::cli {
namespace {

// Smaller inputs are read too quickly to need a progress line.
constexpr uint64_t kBigInput = uint64_t{64} << 20;

// Each thread needs memory for an engine and buffers, and most disks are not faster with more.
constexpr size_t kMaxThreads = 8;

// A log that is followed: reports that are complete within this time are folded before they are printed.
constexpr absl::Duration kBurst = absl::Milliseconds(50);

struct DetectArgs {
  std::vector<std::string> files;
  std::vector<std::string> kinds;
  std::vector<std::string> vmlinux;
  std::vector<std::string> debug;
  std::string known;
  bool show = false;
  bool exit_status = false;
};

// Whether a finding makes --exit-status fail.
bool Counts(const detect::Finding& finding) {
  return finding.known.empty();
}

// Numbers the lines of a log that is read in pieces. Remembers only the last piece and what shortly precedes it.
class LineNumbers {
 public:
  void Add(std::string_view piece) {
    if (window_.size() > kKept) {
      const size_t gone = window_.size() - kKept;
      line_ += CountLines(0, gone);
      start_ += gone;
      window_.erase(0, gone);
    }
    window_ += piece;
  }
  // The line that contains the byte at this offset. Too small if the byte is not in the window, which takes lines of
  // kKept bytes.
  uint64_t At(uint64_t offset) const {
    const uint64_t within = offset < start_ ? 0 : std::min<uint64_t>(offset - start_, window_.size());
    return line_ + CountLines(0, within);
  }

 private:
  static constexpr size_t kKept = size_t{128} << 10;

  uint64_t CountLines(size_t from, size_t to) const {
    return static_cast<uint64_t>(std::count(window_.begin() + static_cast<std::ptrdiff_t>(from),
                                            window_.begin() + static_cast<std::ptrdiff_t>(to), '\n'));
  }

  std::string window_;
  uint64_t start_ = 0;  // offset of window_
  uint64_t line_ = 1;   // in which window_ starts
};

// Collects the findings in a log, one per cause.
class Detector {
 public:
  Detector(const std::vector<std::string>& kinds, known::ListAt known, bool lines)
      : kinds_(kinds), known_(known), engine_(EngineOptions(), Callbacks()) {
    if (lines) numbers_.emplace();
  }

  void Feed(std::string_view piece) {
    if (numbers_) numbers_->Add(piece);
    engine_.Feed(piece);
  }
  void Flush() { engine_.Flush(); }
  void Finish() { engine_.Finish(); }

  // The findings since the last call. Reports with the same cause as an earlier finding are not another one.
  LogReport Take() {
    Fold();
    waiting_since_.reset();
    LogReport report;
    report.facts = engine_.facts();
    report.earlier = taken_.size();
    for (detect::Finding& finding : findings_) {
      if (!taken_.emplace(finding.start_offset, finding.kind).second) continue;
      // What remains is only folded with later reports.
      std::string excerpt = std::exchange(finding.excerpt, {});
      detect::Finding& shown = report.findings.emplace_back(finding);
      shown.excerpt = std::move(excerpt);
      shown.alt_titles.resize(std::min(shown.alt_titles.size(), detect::Finding::kMaxAltTitles));
      if (const auto lines = lines_.find(finding.start_offset); lines != lines_.end()) report.lines.insert(*lines);
    }
    return report;
  }
  // When the first of the findings to take was complete.
  std::optional<absl::Time> waiting_since() const { return waiting_since_; }
  bool empty() const { return engine_.offset() == 0; }

 private:
  // After this many new findings, or as many as there are already, those with the same cause are merged (Fold) while
  // the log is still being read, because a multi-gigabyte log may contain a million of them.
  static constexpr size_t kUnfolded = 256;

  static detect::Options EngineOptions() { return {.invariants = {}, .containers = true}; }
  detect::Callbacks Callbacks() {
    detect::Callbacks callbacks;
    callbacks.on_finding = [this](detect::Finding finding) { Add(std::move(finding)); };
    callbacks.on_over = [this](uint64_t start_offset) {
      for (detect::Finding& finding : findings_) {
        finding.transient = finding.transient || (finding.start_offset == start_offset && finding.count == 1);
      }
    };
    callbacks.on_header = [this](const detect::Finding& finding) {
      if (numbers_) lines_[finding.start_offset].first = numbers_->At(finding.start_offset);
    };
    return callbacks;
  }

  void Add(detect::Finding finding) {
    if (numbers_) {
      LineRange& lines = lines_[finding.start_offset];
      if (lines.first == 0) lines.first = numbers_->At(finding.start_offset);
      lines.last = std::max(lines.first, numbers_->At(std::max<uint64_t>(finding.end_offset, 1) - 1));
    }
    const auto wanted = [&](const std::string& kind) { return kind == detect::ToString(finding.kind); };
    if (!kinds_.empty() && std::none_of(kinds_.begin(), kinds_.end(), wanted)) return;
    finding.known = known_.ReasonFor(finding);
    findings_.push_back(std::move(finding));
    if (!waiting_since_) waiting_since_ = absl::Now();
    if (findings_.size() >= folded_ + std::max(kUnfolded, folded_)) Fold();
  }

  void Fold() {
    findings_ = detect::Fold(std::move(findings_));
    folded_ = findings_.size();
    if (lines_.size() < 2 * folded_ + kUnfolded) return;
    std::map<uint64_t, LineRange> kept;
    for (const detect::Finding& finding : findings_) kept.insert(lines_.extract(finding.start_offset));
    lines_ = std::move(kept);
  }

  const std::vector<std::string>& kinds_;
  const known::ListAt known_;
  std::vector<detect::Finding> findings_;
  size_t folded_ = 0;
  std::set<std::pair<uint64_t, detect::Kind>> taken_;
  std::optional<absl::Time> waiting_since_;
  std::optional<LineNumbers> numbers_;
  std::map<uint64_t, LineRange> lines_;  // by start_offset
  detect::Engine engine_;
};

// A log that has been read.
struct Done {
  LogReport report;
  Status status;  // whether it could be read to its end
  bool opened = false;
  bool strange = false;  // not empty, and without a line that looks like a kernel's
};

// The progress line of all files together. Thread-safe.
class Progress {
 public:
  Progress(Io& io, const std::vector<LogFile>& files) {
    uint64_t total = 0;
    for (const LogFile& file : files) total += file.size;
    if (total < kBigInput) return;
    line_.emplace(io, files.size() == 1 ? files.front().path : fmt::format("{} files", files.size()), total);
  }

  void Add(uint64_t bytes) {
    const std::lock_guard lock(mutex_);
    if (line_) line_->Add(bytes);
  }
  // Calls `print` while the line is not shown.
  void Aside(const std::function<void()>& print) {
    const std::lock_guard lock(mutex_);
    if (line_) line_->Clear();
    print();
  }

 private:
  std::mutex mutex_;
  std::optional<TransferProgress> line_;
};

// Calls `read` for 0 to count - 1, on a few threads, and `use` with the results, in order, on this thread. There are
// never more than a few results that wait for an earlier one.
void ForEachInOrder(size_t count, const std::function<Done(size_t)>& read, const std::function<void(Done)>& use) {
  std::mutex mutex;
  std::condition_variable changed;
  std::map<size_t, Done> results;
  size_t next = 0;  // to read
  size_t used = 0;
  const size_t threads = std::min(count, std::clamp<size_t>(std::thread::hardware_concurrency(), 1, kMaxThreads));
  const auto work = [&] {
    std::unique_lock lock(mutex);
    for (;;) {
      changed.wait(lock, [&] { return next == count || next < used + 2 * threads; });
      if (next == count) return;
      const size_t index = next++;
      lock.unlock();
      Done done = read(index);
      lock.lock();
      results.emplace(index, std::move(done));
      changed.notify_all();
    }
  };
  std::vector<std::thread> workers;
  for (size_t i = 0; i < threads; ++i) workers.emplace_back(work);
  for (std::unique_lock lock(mutex); used < count;) {
    changed.wait(lock, [&] { return results.contains(used); });
    Done done = std::move(results.extract(used).mapped());
    lock.unlock();
    use(std::move(done));
    lock.lock();
    ++used;
    changed.notify_all();
  }
  for (std::thread& worker : workers) worker.join();
}

class Command {
 public:
  Command(LocalContext& context, const DetectArgs& args) : context_(context), args_(args) {}

  StatusOr<int> Run() {
    std::vector<std::string> arguments = args_.files;
    if (arguments.empty()) {
      if (context_.io.in_terminal)
        return absl::InvalidArgumentError("no input: pass a log file, or - to read standard input");
      arguments = {"-"};
    }
    if (std::ranges::count(arguments, "-") > 1)
      return absl::InvalidArgumentError("duplicate input \"-\": standard input can be read once");
    std::vector<std::filesystem::path> debug(args_.vmlinux.begin(), args_.vmlinux.end());
    debug.insert(debug.end(), args_.debug.begin(), args_.debug.end());
    if (!debug.empty()) {
      LK_ASSIGN_OR_RETURN(symbols_, symbols::Symbols::Open(debug));
    }
    if (!args_.known.empty()) {
      LK_ASSIGN_OR_RETURN(known_, ReadKnownProblems(args_.known));
      for (const std::string& line : known_.list.Ended(now_)) Note(args_.known, Escape(line));
    }
    printer_ = MakeFindingPrinter(context_, {.show = args_.show, .located = symbols_ != nullptr});

    const LogFiles found = FindLogFiles(arguments);
    for (const auto& [path, status] : found.unlisted) Complain(path, status);
    for (const std::string& path : found.empty)
      Note(path, "no file to read in this directory (hidden files and symbolic links are skipped)");
    if (found.files.size() != 1 || !Follow(found.files.front())) ReadAll(found.files);
    totals_.files = found.files.size();
    printer_->End(totals_);
    if (args_.exit_status && counted_) return kFailed;
    return totals_.unreadable == 0 ? kPassed : kUsage;
  }

 private:
  StatusOr<std::unique_ptr<LogReader>> Open(const LogFile& file) const {
    return file.path == "-" ? LogReader::Open(context_.io.in_fd) : LogReader::Open(file.path);
  }

  Done Read(const LogFile& file, Progress& progress) const {
    Done done;
    auto reader = Open(file);
    done.status = reader.status();
    if (!reader.ok()) return done;
    Detector detector = NewDetector();
    done.status = Feed(**reader, detector, &progress);
    Finish(detector, done);
    return done;
  }

  Detector NewDetector() const { return {args_.kinds, {&known_.list, now_}, NeedsLines(context_.format)}; }

  static Status Feed(LogReader& reader, Detector& detector, Progress* progress) {
    for (uint64_t shown = 0;;) {
      LK_ASSIGN_OR_RETURN(const std::string_view piece, reader.Next());
      if (piece.empty()) return absl::OkStatus();
      detector.Feed(piece);
      if (progress != nullptr) progress->Add(reader.position() - std::exchange(shown, reader.position()));
    }
  }

  void Finish(Detector& detector, Done& done) const {
    detector.Finish();
    done.opened = true;
    done.report = Located(detector.Take());
    done.strange = !detector.empty() && !done.report.facts.kernel_lines;
  }

  LogReport Located(LogReport report) const {
    if (symbols_ == nullptr) return report;
    for (detect::Finding& finding : report.findings) symbols_->Locate(finding);
    return report;
  }

  void ReadAll(const std::vector<LogFile>& files) {
    Progress progress(context_.io, files);
    size_t index = 0;
    ForEachInOrder(
        files.size(), [&](size_t i) { return Read(files[i], progress); },
        [&](Done done) { progress.Aside([&] { Print(files[index++].path, std::move(done)); }); });
  }

  // Reads a log that grows: prints each finding soon after its report is complete. Returns false if the file is not of
  // that kind.
  bool Follow(const LogFile& file) {
    auto reader = Open(file);
    if (!reader.ok() || (*reader)->regular()) return false;
    const Interrupt interrupt;
    Detector detector = NewDetector();
    // If the log comes faster than findings can be folded, they wait longer.
    absl::Duration burst = kBurst;
    const auto print = [&] {
      if (!detector.waiting_since()) return;
      const absl::Time begun = absl::Now();
      Done done{.report = Located(detector.Take()), .status = {}, .opened = true};
      done.report.ended = false;
      Print(file.path, std::move(done));
      burst = std::max(kBurst, 10 * (absl::Now() - begun));
    };
    // Waits for input, an interrupt, or the end of the time.
    const auto wait = [&](int fd, absl::Duration limit) {
      pollfd ready[] = {{.fd = fd, .events = POLLIN, .revents = 0},
                        {.fd = interrupt.descriptor(), .events = POLLIN, .revents = 0}};
      const auto milliseconds = limit == absl::InfiniteDuration() ? -1 : absl::ToInt64Milliseconds(limit);
      int count = 0;
      do count = poll(ready, std::size(ready), static_cast<int>(milliseconds));
      while (count < 0 && errno == EINTR && !interrupt.raised());
      return count != 0;
    };
    (*reader)->set_before_read([&](int fd) {
      if (const auto since = detector.waiting_since(); since && absl::Now() - *since >= burst) print();
      if (!wait(fd, kBurst)) {
        print();
        if (!wait(fd, context_.silence)) {
          detector.Flush();
          print();
          if (context_.io.out.good()) wait(fd, absl::InfiniteDuration());
        }
      }
      return !interrupt.raised() && context_.io.out.good();
    });
    Done done;
    done.status = Feed(**reader, detector, nullptr);
    Finish(detector, done);
    Print(file.path, std::move(done));
    return true;
  }

  void Print(const std::string& file, Done done) {
    if (done.opened) {
      done.report.file = file;
      printer_->Print(done.report);
      const std::vector<detect::Finding>& findings = done.report.findings;
      totals_.findings += findings.size();
      if (!findings.empty() && done.report.earlier == 0) ++totals_.with_findings;
      counted_ = counted_ || std::ranges::any_of(findings, Counts);
    }
    if (done.strange)
      Note(file,
           "no line looks like the kernel's (expected a kernel log: a console log, dmesg, journalctl -k, syslog)");
    if (!done.status.ok()) Complain(file, done.status);
  }

  void Note(const std::string& file, std::string_view note) {
    context_.io.err << context_.program << ": " << Escape(file) << ": " << note << '\n';
  }
  void Complain(const std::string& file, const Status& status) {
    Note(file, Escape(std::string(status.message())));
    ++totals_.unreadable;
  }

  LocalContext& context_;
  const DetectArgs& args_;
  const absl::Time now_ = absl::Now();
  KnownProblems known_;
  std::unique_ptr<symbols::Symbols> symbols_;
  std::unique_ptr<FindingPrinter> printer_;
  Totals totals_;
  bool counted_ = false;
};

std::string CheckKind(const std::string& word) {
  detect::Kind kind{};
  if (detect::ParseKind(word, kind)) return "";
  std::vector<std::string> kinds;
  for (int i = 0; i <= static_cast<int>(detect::kLastKind); ++i)
    kinds.emplace_back(detect::ToString(static_cast<detect::Kind>(i)));
  return yaml::Unknown("finding kind", word, kinds);
}

}  // namespace

void SetUpDetect(CLI::App& command, LocalContext& context) {
  const auto args = std::make_shared<DetectArgs>();
  command
      .add_option("FILE", args->files,
                  "Logs, optionally compressed (gzip, bzip2, xz, zstd, lz4), directories of logs, or - for stdin; a "
                  "pipe is followed [default: -]")
      ->type_name("");
  const auto repeated = [](CLI::Option* option, const char* type) {
    option->allow_extra_args(false)->type_name(type);
    return option;
  };
  repeated(command.add_option("--kind", args->kinds, "Report only findings of this kind (repeatable)"), "KIND")
      ->check(CheckKind);
  repeated(
      command.add_option("--vmlinux", args->vmlinux,
                         "Resolve stack frames to file and line using debug information in this file (repeatable)"),
      "FILE");
  repeated(command.add_option("--debug", args->debug,
                              "Like --vmlinux, but use vmlinux and all modules under this directory (repeatable)"),
           "DIR");
  command
      .add_option("--known", args->known,
                  "List of known problems (YAML): matching findings are shown with the reason, and do not count")
      ->type_name("FILE");
  command.add_flag("--show", args->show, "Print the reports in full");
  command.add_flag("--exit-status", args->exit_status, "Exit with 1 if anything was found that is not known");
  command.callback([&context, args] { context.action = [&context, args] { return Command(context, *args).Run(); }; });
}

}  // namespace lk::cli
