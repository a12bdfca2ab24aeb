// SPDX-License-Identifier: Apache-2.0
#include "server/detect/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <span>
#include <utility>

#include "server/detect/aftermath.h"
#include "server/detect/kernel_line.h"
#include "server/detect/line_assembler.h"
#include "server/detect/prefilter.h"
#include "server/detect/report.h"
#include "server/detect/signatures.h"
#include "server/detect/title.h"

namespace lk::detect {
namespace {

// Maximum number of open reports. Beyond that, the oldest one is completed.
constexpr size_t kMaxOpen = 16;

// Returns the nonce if a soft lockup header is the agent's canary. No real task can have such a name, because comm is
// limited to 15 characters.
std::optional<std::string_view> CanaryNonce(const Match& match) {
  constexpr std::string_view kPrefix = "lk-canary-";
  constexpr size_t kNonce = 16;
  const std::string_view task = match.task;
  if (!task.starts_with(kPrefix) || task.size() != kPrefix.size() + kNonce) return std::nullopt;
  const std::string_view nonce = task.substr(kPrefix.size());
  if (nonce.find_first_not_of("0123456789abcdef") != std::string_view::npos) return std::nullopt;
  return nonce;
}

// Lines that the kernel prints right before a header; they belong to the report that follows.
constexpr std::string_view kCutHere = "------------[ cut here ]";
constexpr std::string_view kRule = "==========";

// The prefilter's literals are those of the table's rows, then these, then those of the invariants.
constexpr std::string_view kOtherLiterals[] = {"[ cut here ]", kRule, kReplayNote};

std::unique_ptr<Prefilter> MakePrefilter(const Options& options) {
  if (!options.prefilter || !Prefilter::Supported()) return nullptr;
  std::vector<std::string> literals;
  for (const Signature& signature : Signatures()) literals.emplace_back(signature.literal);
  literals.insert(literals.end(), std::begin(kOtherLiterals), std::end(kOtherLiterals));
  for (const InvariantLiteral& invariant : options.invariants) literals.push_back(invariant.literal);
  return std::make_unique<Prefilter>(literals);
}

// Drops invariants whose literal cannot occur within a line, or is empty and would match every line.
Options WithoutUnfindable(Options options) {
  std::erase_if(options.invariants, [](const InvariantLiteral& invariant) {
    return invariant.literal.empty() || invariant.literal.find_first_of("\r\n") != std::string::npos;
  });
  return options;
}

}  // namespace

class Engine::Impl {
 public:
  Impl(Options options, Callbacks callbacks)
      : options_(WithoutUnfindable(std::move(options))),
        callbacks_(std::move(callbacks)),
        prefilter_(MakePrefilter(options_)) {}

  void Feed(std::string_view bytes) {
    while (!bytes.empty()) {
      const std::string_view piece = bytes.substr(0, kPiece);
      FeedPiece(piece);
      bytes.remove_prefix(piece.size());
    }
  }
  void FeedRecord(const KernelRecord& record) {
    const int64_t micros = absl::ToInt64Microseconds(record.since_boot);
    const std::string prefix = fmt::format("[{:5}.{:06}] ", micros / 1000000, micros % 1000000);
    std::string_view rest = record.text;
    do {
      const size_t newline = rest.find('\n');
      const std::string line =
          fmt::format("{}{}\n", prefix, rest.substr(0, std::min(newline, LineAssembler::kKeptTail)));
      rest.remove_prefix(newline == std::string_view::npos ? rest.size() : newline + 1);
      FeedRecordLine(line, prefix.size());
    } while (!rest.empty());
  }
  void Flush() {
    while (!open_.empty()) Close(0);
  }
  void Finish() {
    lines_.Finish(on_line_);
    Flush();
  }
  void AnnounceBoot() { ++options_.announced_boots; }
  uint64_t offset() const { return lines_.offset(); }

 private:
  // The literals that may occur in a line. All invariants are treated as one.
  struct Seen {
    Rows rows;
    bool invariant = false;
    bool any = false;

    void Add(const Prefilter::Hit& hit) {
      const size_t rows_count = Signatures().size();
      any = true;
      if (hit.literal == Prefilter::kUnknown) {
        rows.set();
        invariant = true;
      } else if (hit.literal < rows_count) {
        rows.set(hit.literal);
      } else if (hit.literal >= rows_count + std::size(kOtherLiterals)) {
        invariant = true;
      }
    }
  };

  // Number of bytes scanned at a time; limits the number of hits in memory.
  static constexpr size_t kPiece = 64 << 10;
  // Maximum number of lines from "cut here" to the header: a WARN prints its own message in between.
  static constexpr int kMaxPreamble = 5;

  struct Preamble {
    std::string context;
    uint64_t start;
    std::string text;
    bool message;   // other lines may precede the header
    int lines = 1;  // so far, from any context
  };
  struct Open {
    std::string context;  // the caller that printed the header; empty if the kernel does not print callers
    Report report;
  };

  void FeedPiece(std::string_view piece) {
    const std::span<const Prefilter::Hit> hits =
        prefilter_ ? prefilter_->Scan(piece) : std::span<const Prefilter::Hit>();
    auto hit = hits.begin();
    size_t at = 0;
    while (at < piece.size()) {
      if (!MustRead()) {
        const size_t until = hit == hits.end() ? piece.size() : hit->end;
        const size_t newline = piece.substr(at, until - at).rfind('\n');
        if (newline != std::string_view::npos) {
          lines_.Skip(newline + 1);
          at += newline + 1;
        }
      }
      // One line, or the part of it that has arrived.
      const size_t newline = piece.find('\n', at);
      const size_t end = newline == std::string_view::npos ? piece.size() : newline + 1;
      for (; hit != hits.end() && hit->end <= end; ++hit) seen_.Add(*hit);
      lines_.FeedPart(piece.substr(at, end - at), on_line_);
      at = end;
    }
  }

  void FeedRecordLine(std::string_view bytes, size_t prefix) {
    if (prefilter_) {
      for (const Prefilter::Hit& hit : prefilter_->Scan(bytes)) seen_.Add(hit);
    } else {
      seen_.Add({.end = 0, .literal = Prefilter::kUnknown});
    }
    lines_.FeedPart(bytes, [this, prefix](const Line& line) {
      const Seen seen = std::exchange(seen_, {});
      if (!seen.any && open_.empty() && !preamble_) return;
      KernelLine kernel;
      kernel.text = line.text.substr(prefix);
      kernel.marked = kernel.timed = true;
      OnParsed(line, kernel, seen);
    });
  }

  // Whether the next line must be looked at even if it contains no literal. Until a timestamp has been seen, any line
  // may contain the first one.
  bool MustRead() const { return !prefilter_ || !timed_ || seen_.any || !open_.empty() || preamble_; }

  void OnLine(const Line& line) {
    Seen seen = std::exchange(seen_, {});
    if (!prefilter_) seen.Add({.end = 0, .literal = Prefilter::kUnknown});
    if (!seen.any && open_.empty() && !preamble_) {
      timed_ = timed_ || HasTimeStamp(line.text);
      return;
    }
    OnParsed(line, ParseKernelLine(line.text, !seen.any), seen);
  }

  void OnParsed(const Line& line, const KernelLine& kernel, const Seen& seen) {
    if (kernel.timed) timed_ = true;
    // If the kernel prints timestamps, a line without any prefix comes from a user-space program.
    if (timed_ && !kernel.marked && !kernel.replay) return;
    if (kernel.replay) {
      std::erase_if(open_, [](const Open& open) { return open.report.only_header(); });
      return;
    }
    if (kernel.text.starts_with(kCutHere) || kernel.text.starts_with(kRule)) {
      preamble_ = Preamble{.context = std::string(kernel.caller),
                           .start = line.start,
                           .text = std::string(line.text) + '\n',
                           .message = kernel.text.starts_with(kCutHere)};
      return;
    }
    OnKernelLine(line, kernel, seen);
  }

  void OnKernelLine(const Line& line, const KernelLine& kernel, const Seen& seen) {
    if (seen.invariant) CheckInvariants(line, kernel.text);
    auto match = seen.rows.any() ? MatchSignature(kernel.text, seen.rows) : std::nullopt;
    if (!match) {
      ContinuePreamble(line, kernel);
      return AddToReports(line, kernel);
    }
    if (const auto nonce = CanaryNonce(*match)) {
      if (callbacks_.on_canary) callbacks_.on_canary(*nonce);
      return;
    }
    const std::optional<Preamble> preamble = std::exchange(preamble_, std::nullopt);
    if (match->signature->kind == Kind::kUnexpectedReboot) return OnBoot(line, *match);

    const auto same = std::ranges::find(open_, kernel.caller, &Open::context);
    if (same != open_.end() && same->report.Takes(*match)) {
      same->report.Join(*match, line, kernel.text);
      return;
    }
    for (size_t i = 0; i < open_.size();) {
      if (open_[i].context == kernel.caller && !open_[i].report.Beside(*match)) {
        Close(i);
      } else {
        ++i;
      }
    }
    if (open_.size() == kMaxOpen) Close(0);
    Report report(std::move(*match), line, kernel.text);
    if (preamble && preamble->context == kernel.caller) report.Precede(preamble->start, preamble->text);
    if (callbacks_.on_header) callbacks_.on_header(report.Begun());
    open_.push_back({std::string(kernel.caller), std::move(report)});
  }

  void ContinuePreamble(const Line& line, const KernelLine& kernel) {
    if (!preamble_) return;
    if (!preamble_->message || ++preamble_->lines > kMaxPreamble) {
      preamble_.reset();
    } else if (preamble_->context == kernel.caller) {
      preamble_->text.append(line.text).append(1, '\n');
    }
  }

  void AddToReports(const Line& line, const KernelLine& kernel) {
    for (size_t i = 0; i < open_.size();) {
      Open& open = open_[i];
      const bool other_cpu = open.report.all_cpus() && kernel.caller.starts_with('C');
      if (open.context != kernel.caller && !other_cpu) {
        ++i;
        continue;
      }
      open.report.Add(line, kernel.text);
      if (open.report.complete()) {
        Close(i);
      } else {
        ++i;
      }
    }
  }

  void OnBoot(const Line& line, const Match& match) {
    Flush();
    aftermath_ = {};
    release_ = match.text;
    if (!std::exchange(booted_, true)) return;
    if (options_.announced_boots > 0) {
      --options_.announced_boots;
      return;
    }
    EmitLine(match.signature->kind, std::string(match.signature->title), "", line);
  }

  void CheckInvariants(const Line& line, std::string_view text) {
    for (const InvariantLiteral& invariant : options_.invariants) {
      if (text.find(invariant.literal) == std::string_view::npos) continue;
      EmitLine(Kind::kInvariant, MakeTitle("{text}", {.function = "", .text = Normalise(text), .access = ""}),
               "invariant " + invariant.name, line);
    }
  }

  void EmitLine(Kind kind, std::string title, std::string alt_title, const Line& line) {
    Finding finding;
    finding.kind = kind;
    finding.title = std::move(title);
    if (!alt_title.empty()) finding.alt_titles.push_back(std::move(alt_title));
    finding.start_offset = line.start;
    finding.end_offset = line.end;
    finding.excerpt = Printable(line.text) + "\n";
    if (callbacks_.on_header) {
      Finding open = finding;
      open.open = true;
      callbacks_.on_header(std::move(open));
    }
    Emit(std::move(finding));
  }

  void Close(size_t index) {
    Finding finding = std::move(open_[index].report).Finish();
    open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(index));
    Emit(std::move(finding));
  }

  void Emit(Finding finding) {
    aftermath_.Judge(finding);
    if (finding.kernel_release.empty()) finding.kernel_release = release_;
    if (callbacks_.on_finding) callbacks_.on_finding(std::move(finding));
  }

  Options options_;
  Callbacks callbacks_;
  std::unique_ptr<Prefilter> prefilter_;  // if null, every line is read
  LineAssembler lines_;
  const LineAssembler::OnLine on_line_ = [this](const Line& line) { OnLine(line); };
  Seen seen_;                         // literals in the unfinished line
  std::vector<Open> open_;            // in the order of their headers
  std::optional<Preamble> preamble_;  // lines that may be followed by a header
  Aftermath aftermath_;               // covers the findings since the boot
  std::string release_;               // from the "Linux version" line
  bool timed_ = false;
  bool booted_ = false;
};

Engine::Engine(Options options, Callbacks callbacks)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(callbacks))) {}
Engine::~Engine() = default;
void Engine::Feed(std::string_view bytes) {
  impl_->Feed(bytes);
}
void Engine::FeedRecord(const KernelRecord& record) {
  impl_->FeedRecord(record);
}
void Engine::Flush() {
  impl_->Flush();
}
void Engine::Finish() {
  impl_->Finish();
}
void Engine::AnnounceBoot() {
  impl_->AnnounceBoot();
}
uint64_t Engine::offset() const {
  return impl_->offset();
}

std::vector<Finding> Detect(std::string_view log, const Options& options) {
  std::vector<Finding> findings;
  Callbacks callbacks;
  callbacks.on_finding = [&](Finding finding) { findings.push_back(std::move(finding)); };
  Engine engine(options, std::move(callbacks));
  engine.Feed(log);
  engine.Finish();
  return findings;
}

}  // namespace lk::detect
