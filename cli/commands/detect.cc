// SPDX-License-Identifier: Apache-2.0
#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <istream>
#include <optional>
#include <ostream>
#include <utility>
#include <vector>

#include "cli/commands/commands.h"
#include "cli/exit_code.h"
#include "cli/output/finding_view.h"
#include "cli/output/progress.h"
#include "cli/output/text.h"
#include "server/detect/engine.h"
#include "server/detect/fold.h"
#include "server/symbols/symbols.h"
#include "support/unique_fd.h"

namespace lk::cli {
namespace {

// Smaller files are read too quickly to need a progress line.
constexpr uint64_t kBigFile = uint64_t{64} << 20;

struct DetectArgs {
  std::vector<std::string> files;
  std::vector<std::string> kinds;
  std::vector<std::string> vmlinux;
  std::vector<std::string> debug;
  bool show = false;
};

// Reads a console log in pieces, because logs from soak tests grow to gigabytes. Decompresses gzip, bzip2, xz, zstd and
// lz4.
class LogReader {
 public:
  explicit LogReader(std::istream& in) : in_(&in) {}
  explicit LogReader(std::string path) : path_(std::move(path)) {}

  // Error: NOT_FOUND if the log cannot be read, whatever the reason.
  Status Open() {
    if (in_ == nullptr) fd_ = UniqueFd(open(path_.c_str(), O_RDONLY | O_CLOEXEC));
    if (in_ == nullptr && !fd_) return absl::NotFoundError(std::strerror(errno));
    for (const auto support :
         {archive_read_support_filter_gzip, archive_read_support_filter_bzip2, archive_read_support_filter_xz,
          archive_read_support_filter_zstd, archive_read_support_filter_lz4, archive_read_support_format_raw,
          archive_read_support_format_empty}) {
      support(archive_.get());
    }
    archive_entry* entry = nullptr;
    if (archive_read_open(archive_.get(), this, nullptr, Read, nullptr) != ARCHIVE_OK) return Failed();
    const int result = archive_read_next_header(archive_.get(), &entry);
    ended_ = result == ARCHIVE_EOF;
    return result < ARCHIVE_WARN ? Failed() : absl::OkStatus();
  }

  // The next piece, valid until the next call; empty at the end. Error: NOT_FOUND.
  StatusOr<std::string_view> Next() {
    const void* data = nullptr;
    size_t size = 0;
    la_int64_t offset = 0;
    while (!ended_ && size == 0) {
      const int result = archive_read_data_block(archive_.get(), &data, &size, &offset);
      if (result < ARCHIVE_WARN) return Failed();
      ended_ = result == ARCHIVE_EOF;
    }
    return std::string_view(static_cast<const char*>(data), size);
  }

  // Size of the file in bytes; 0 if unknown.
  uint64_t size() const {
    struct stat info {};
    return fd_ && fstat(fd_.get(), &info) == 0 ? static_cast<uint64_t>(info.st_size) : 0;
  }
  // Bytes of the file read so far.
  uint64_t position() const { return static_cast<uint64_t>(archive_filter_bytes(archive_.get(), -1)); }

 private:
  static la_ssize_t Read(archive* a, void* self, const void** data) {
    auto& reader = *static_cast<LogReader*>(self);
    *data = reader.buffer_.data();
    const la_ssize_t got = reader.in_ == nullptr ? reader.ReadFile() : reader.ReadStream();
    if (got < 0) archive_set_error(a, errno, "%s", std::strerror(errno));
    return got;
  }
  la_ssize_t ReadFile() {
    ssize_t got = -1;
    do got = read(fd_.get(), buffer_.data(), buffer_.size());
    while (got < 0 && errno == EINTR);
    return got;
  }
  la_ssize_t ReadStream() {
    in_->read(buffer_.data(), static_cast<std::streamsize>(buffer_.size()));
    return in_->bad() ? -1 : static_cast<la_ssize_t>(in_->gcount());
  }
  Status Failed() const {
    const char* why = archive_error_string(archive_.get());
    return absl::NotFoundError(why == nullptr ? "cannot be read" : why);
  }

  std::istream* in_ = nullptr;
  std::string path_;
  UniqueFd fd_;
  std::vector<char> buffer_ = std::vector<char>(size_t{256} << 10);
  std::unique_ptr<archive, decltype(&archive_read_free)> archive_{archive_read_new(), archive_read_free};
  bool ended_ = false;
};

// Collects the findings in a log, one per cause. A crash may leave a truncated .gz file; findings up to about the point
// of truncation are still reported (libarchive decompresses 64 KiB at a time).
class Detector {
 public:
  explicit Detector(const std::vector<std::string>& kinds) : kinds_(kinds) {}

  // Fails if the log cannot be read to the end.
  Status Read(LogReader& reader, TransferProgress* progress) {
    detect::Callbacks callbacks;
    callbacks.on_finding = [this](detect::Finding finding) { Add(std::move(finding)); };
    detect::Engine engine({}, std::move(callbacks));
    Status status;
    for (uint64_t shown = 0;;) {
      const StatusOr<std::string_view> piece = reader.Next();
      status = piece.status();
      if (!piece.ok() || piece->empty()) break;
      engine.Feed(*piece);
      if (progress != nullptr) progress->Add(reader.position() - std::exchange(shown, reader.position()));
    }
    engine.Finish();
    findings_ = detect::Fold(std::move(findings_));
    return status;
  }
  std::vector<detect::Finding>& findings() { return findings_; }

 private:
  // After this many new findings, those with the same cause are merged (Fold) while the log is still being read,
  // because a multi-gigabyte log may contain a million of them.
  static constexpr size_t kUnfolded = 256;

  void Add(detect::Finding finding) {
    const auto wanted = [&](const std::string& kind) { return kind == detect::ToString(finding.kind); };
    if (!kinds_.empty() && std::none_of(kinds_.begin(), kinds_.end(), wanted)) return;
    findings_.push_back(std::move(finding));
    if (findings_.size() < folded_ + kUnfolded) return;
    findings_ = detect::Fold(std::move(findings_));
    folded_ = findings_.size();
  }

  const std::vector<std::string>& kinds_;
  std::vector<detect::Finding> findings_;
  size_t folded_ = 0;
};

// Reports a file that cannot be read and continues with the next one.
StatusOr<int> Detect(Context& context, const DetectArgs& args) {
  std::vector<std::string> files = args.files;
  if (files.empty()) {
    if (context.io.in_terminal)
      return absl::InvalidArgumentError("no input: pass a log file, or - to read standard input");
    files = {"-"};
  }
  std::vector<std::filesystem::path> debug(args.vmlinux.begin(), args.vmlinux.end());
  debug.insert(debug.end(), args.debug.begin(), args.debug.end());
  std::unique_ptr<symbols::Symbols> symbols;
  if (!debug.empty()) {
    LK_ASSIGN_OR_RETURN(symbols, symbols::Symbols::Open(debug));
  }

  size_t findings = 0;
  size_t with_findings = 0;
  size_t unreadable = 0;
  const auto complain = [&](const std::string& file, const Status& status) {
    if (status.ok()) return;
    context.io.err << "lkctl: " << Escape(fmt::format("{}: {}", file, std::string(status.message()))) << '\n';
    ++unreadable;
  };
  for (const std::string& file : files) {
    auto reader = file == "-" ? std::make_unique<LogReader>(context.io.in) : std::make_unique<LogReader>(file);
    if (const Status opened = reader->Open(); !opened.ok()) {
      complain(file, opened);
      continue;
    }
    std::optional<TransferProgress> progress;
    if (reader->size() >= kBigFile) progress.emplace(context.io, file, reader->size());
    Detector detector(args.kinds);
    const Status status = detector.Read(*reader, progress ? &*progress : nullptr);
    progress.reset();
    if (symbols != nullptr) {
      for (detect::Finding& finding : detector.findings()) symbols->Locate(finding);
    }
    PrintFindings(context, file, detector.findings(), args.show, symbols != nullptr);
    complain(file, status);
    findings += detector.findings().size();
    with_findings += detector.findings().empty() ? 0 : 1;
  }
  if (context.format == Format::kTable && files.size() > 1) {
    context.io.out << fmt::format("{} files: {} findings in {}{}\n", files.size(), findings, with_findings,
                                  unreadable == 0 ? "" : fmt::format("; {} unreadable", unreadable));
  }
  return unreadable == 0 ? kPassed : kUsage;
}

std::string CheckKind(const std::string& word) {
  detect::Kind kind{};
  return detect::ParseKind(word, kind)
             ? ""
             : fmt::format("invalid finding kind \"{}\" (expected soft_lockup, panic, ...)", word);
}

}  // namespace

void AddDetect(CLI::App& root, Context& context) {
  AddCommand<DetectArgs>(
      root, context, "detect", "Find lockups and other kernel reports in console logs (works offline)", Detect,
      [](CLI::App& command, DetectArgs& args) {
        command
            .add_option("FILE", args.files,
                        "Console logs, optionally compressed (gzip, bzip2, xz, zstd, lz4), or - for stdin [default: -]")
            ->type_name("");
        const auto repeated = [](CLI::Option* option, const char* type) {
          option->allow_extra_args(false)->type_name(type);
          return option;
        };
        repeated(command.add_option("--kind", args.kinds, "Report only findings of this kind (repeatable)"), "KIND")
            ->check(CheckKind);
        repeated(command.add_option(
                     "--vmlinux", args.vmlinux,
                     "Resolve stack frames to file and line using debug information in this file (repeatable)"),
                 "FILE");
        repeated(
            command.add_option("--debug", args.debug,
                               "Like --vmlinux, but use vmlinux and all modules under this directory (repeatable)"),
            "DIR");
        command.add_flag("--show", args.show, "Print the reports in full");
      });
}

}  // namespace lk::cli
