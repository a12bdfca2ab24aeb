// SPDX-License-Identifier: Apache-2.0
#include "server/detect/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <iterator>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <utility>

#include "server/detect/aftermath.h"
#include "server/detect/boots.h"
#include "server/detect/contained_lines.h"
#include "server/detect/copies.h"
#include "server/detect/hints.h"
#include "server/detect/kernel_line.h"
#include "server/detect/line_assembler.h"
#include "server/detect/prefilter.h"
#include "server/detect/report.h"
#include "server/detect/signatures.h"
#include "server/detect/title.h"
#include "server/detect/utf16.h"

namespace lk::detect {
namespace {

// Maximum number of open reports. Beyond that, the oldest one is completed.
constexpr size_t kMaxOpen = 16;

// Maximum number of complete reports of which the kernel may still print that they are over.
constexpr size_t kMaxWaits = 64;

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

// The prefilter's literals are those of the table's rows, then these, then those of the invariants, then hints for
// containers.
constexpr std::string_view kOtherLiterals[] = {"[ cut here ]", kRule, kReplayNote, CsdWait::kOver};

// What the prefilters search for.
struct SearchLiterals {
  std::vector<std::string> plain;
  std::vector<std::string> with_hints;  // in containers
  std::function<bool(std::string_view bytes, size_t at)> splits;
};

// Kept, since only the invariants differ.
const SearchLiterals& LiteralsOf(const std::vector<InvariantLiteral>& invariants) {
  std::vector<std::string> plain;
  for (const Signature& signature : Signatures()) plain.emplace_back(signature.literal);
  plain.insert(plain.end(), std::begin(kOtherLiterals), std::end(kOtherLiterals));
  for (const InvariantLiteral& invariant : invariants) plain.push_back(invariant.literal);

  static std::mutex mutex;
  static auto* const all = new std::map<std::vector<std::string>, SearchLiterals>;
  const std::lock_guard lock(mutex);
  SearchLiterals& literals = (*all)[plain];
  if (literals.plain.empty()) {
    literals.with_hints = plain;
    std::ranges::move(Hints(plain), std::back_inserter(literals.with_hints));
    literals.splits = [seams = Seams(plain)](std::string_view bytes, size_t at) { return seams.Splits(bytes, at); };
    literals.plain = std::move(plain);
  }
  return literals;
}

std::unique_ptr<Prefilter> MakePrefilter(const Options& options) {
  if (!options.prefilter || !Prefilter::Supported()) return nullptr;
  const SearchLiterals& literals = LiteralsOf(options.invariants);
  if (!options.containers) return std::make_unique<Prefilter>(literals.plain);
  return std::make_unique<Prefilter>(literals.with_hints, Seams::kBytes, std::cref(literals.splits));
}

// Searches single lines.
std::unique_ptr<Prefilter> MakeLinesPrefilter(const Options& options) {
  if (!options.prefilter || !Prefilter::Supported()) return nullptr;
  return std::make_unique<Prefilter>(LiteralsOf(options.invariants).plain);
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
        prefilter_(MakePrefilter(options_)),
        lines_prefilter_(MakeLinesPrefilter(options_)),
        literals_(LiteralsOf(options_.invariants).plain),
        hints_from_(literals_.size()) {
    if (options_.containers) contained_.emplace([this](std::string_view text) { return Search(text).any; });
  }

  void Feed(std::string_view bytes) {
    if (contained_) bytes = decoder_.Decode(bytes);
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
      FeedRecordLine(line, prefix.size(), micros);
    } while (!rest.empty());
  }
  void Flush() {
    if (contained_) contained_->Flush(on_held_);
    if (boots_.pending()) Boot(boots_.End());
    while (!open_.empty()) Close(0);
  }
  void Finish() {
    if (const std::optional<Line> line = lines_.Finish()) OnLine(*line);
    Flush();
  }
  void AnnounceBoot() { ++options_.announced_boots; }
  uint64_t offset() const { return lines_.offset(); }
  LogFacts facts() const {
    LogFacts facts = facts_;
    if (contained_ && !contained_->name().empty()) facts.container = contained_->name();
    return facts;
  }

 private:
  // The literals that may occur in a line. All invariants are treated as one.
  struct Seen {
    Rows rows;
    bool invariant = false;
    bool any = false;
    bool unknown = false;  // the line must be searched, since literals may be hidden in it

    void Add(const Prefilter::Hit& hit, size_t hints_from) {
      const size_t rows_count = Signatures().size();
      any = true;
      if (hit.literal >= hints_from) {  // or kUnknown
        unknown = true;
      } else if (hit.literal < rows_count) {
        rows.set(hit.literal);
      } else if (hit.literal >= rows_count + std::size(kOtherLiterals)) {
        invariant = true;
      }
    }
    static Seen Unknown() {
      Seen seen;
      seen.any = seen.unknown = true;
      return seen;
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
  // The context that printed a line, in a form that is compared quickly.
  class Caller {
   public:
    explicit Caller(std::string_view name) : name_(name) {
      for (const char c : name.substr(0, sizeof key_)) key_ = key_ << 8 | static_cast<uint8_t>(c);
    }
    uint64_t key() const { return key_; }
    std::string_view name() const { return name_; }

   private:
    std::string_view name_;
    uint64_t key_ = 0;  // all of the name, but for long ones
  };
  // A small object, since lines are compared with all of them.
  struct Open {
    uint64_t key;
    std::string context;  // the caller that printed the header; empty if the kernel does not print callers
    std::unique_ptr<Report> report;
    Copies::Header header;
    bool copy = false;  // of a report that has been read

    bool IsOf(const Caller& caller) const {
      return key == caller.key() && (caller.name().size() <= sizeof key || context == caller.name());
    }
  };

  // A complete report of a CPU that waits for an answer to a cross-CPU call.
  struct Waiting {
    CsdWait wait;
    uint64_t start;
  };

  void FeedPiece(std::string_view piece) {
    const std::span<const Prefilter::Hit> hits =
        prefilter_ ? prefilter_->Scan(piece) : std::span<const Prefilter::Hit>();
    auto hit = hits.begin();
    size_t at = 0;
    size_t keep = 0;
    while (at < piece.size()) {
      if (at >= keep && !MustRead()) {
        size_t until = hit == hits.end() ? piece.size() : hit->end;
        if (contained_) until = std::min<size_t>(until, at + ContainedLines::NextSample(offset()) - offset());
        const size_t newline = piece.substr(at, until - at).rfind('\n');
        if (newline != std::string_view::npos) {
          keep = at + newline + 1;
          const size_t skip = contained_ ? contained_->Skippable(piece.substr(at, newline + 1)) : newline + 1;
          if (skip > 0) lines_.Skip(skip);
          at += skip;
          if (at == piece.size()) break;
        }
      }
      // One line, or the part of it that has arrived.
      const size_t newline = piece.find('\n', at);
      const size_t end = newline == std::string_view::npos ? piece.size() : newline + 1;
      for (; hit != hits.end() && hit->end <= end; ++hit) seen_.Add(*hit, hints_from_);
      const bool carriage_returns = !prefilter_ || seen_.unknown || piece[at] == '\r';
      if (const auto line = lines_.Take(piece.substr(at, end - at), carriage_returns)) OnLine(*line);
      at = end;
    }
  }

  void FeedRecordLine(std::string_view bytes, size_t prefix, int64_t micros) {
    if (prefilter_) {
      for (const Prefilter::Hit& hit : prefilter_->Scan(bytes)) seen_.Add(hit, hints_from_);
    } else {
      seen_ = Seen::Unknown();
    }
    const std::optional<Line> line = lines_.Take(bytes, true);
    if (!line) return;
    Seen seen = std::exchange(seen_, {});
    if (seen.unknown) seen = Search(line->text);
    if (!seen.any && open_.empty() && !preamble_) return;
    KernelLine kernel;
    kernel.text = line->text.substr(prefix);
    kernel.marked = kernel.timed = true;
    kernel.micros = micros;
    OnMessage(*line, kernel, seen);
  }

  // Whether the next line must be looked at even if it contains no literal. Until a timestamp has been seen, any line
  // may contain the first one.
  bool MustRead() const {
    return !prefilter_ || !timed_ || seen_.any || !open_.empty() || preamble_ || boots_.must_read() ||
           (contained_ && contained_->MustRead(lines_.line_start()));
  }

  void OnLine(const Line& line) {
    Seen seen = prefilter_ ? std::exchange(seen_, {}) : Seen::Unknown();
    if (!seen.any && !seen.unknown) {
      if (!contained_) return OnPlain(line, ParseKernelLine(line.text, true));
      if (const std::optional<KernelLine> kernel = contained_->ParseBare(line)) return OnPlain(line, *kernel);
    }
    if (contained_) {
      using Found = ContainedLines::Literals;
      const Found found = seen.unknown ? Found::kUnknown : seen.any ? Found::kOfLine : Found::kNone;
      contained_->Read(line, found, [this, &seen](const ContainedLines::Text& text) {
        OnText(text, text.literals == Found::kOfLine ? seen : Seen{});
      });
      timed_ = timed_ || contained_->timed();
      return;
    }
    if (seen.unknown) seen = Search(line.text);
    OnParsed(line, ParseKernelLine(line.text, !seen.any), seen);
  }

  void OnText(const ContainedLines::Text& text, const Seen& seen) {
    if (text.literals == ContainedLines::Literals::kNone) return OnPlain(text.line, text.kernel);
    if (text.literals != ContainedLines::Literals::kUnknown) return OnParsed(text.line, text.kernel, seen);
    OnParsed(text.line, text.kernel, Search(text.kernel.text));
  }

  // A line without literals. Most lines of reports are such.
  void OnPlain(const Line& line, const KernelLine& kernel) {
    if (preamble_ || boots_.must_read() || (kernel.micros >= 0 && NextMessage(kernel) != std::string_view::npos)) {
      return OnParsed(line, kernel, {});
    }
    if (IsOfKernel(kernel)) AddToReports(line, kernel);
  }

  bool IsOfKernel(const KernelLine& kernel) {
    timed_ = timed_ || kernel.timed;
    facts_.kernel_lines = facts_.kernel_lines || kernel.marked;
    // If the kernel prints timestamps, a line without any prefix comes from a user-space program.
    return !timed_ || kernel.marked || kernel.replay;
  }

  Seen Search(std::string_view text) {
    Seen seen;
    if (lines_prefilter_) {
      for (const Prefilter::Hit& hit : lines_prefilter_->ScanLine(text)) seen.Add(hit, hints_from_);
      return seen;
    }
    for (uint32_t i = 0; i < literals_.size(); ++i) {
      if (text.find(literals_[i]) != std::string_view::npos) seen.Add({.end = text.size(), .literal = i}, hints_from_);
    }
    return seen;
  }

  void OnParsed(Line line, KernelLine kernel, const Seen& seen) {
    while (kernel.micros >= 0) {
      const size_t next = NextMessage(kernel);
      if (next == std::string_view::npos) break;
      const std::string_view rest = kernel.text.substr(next);
      kernel.text = kernel.text.substr(0, next);
      line.text = kernel.text;
      OnMessage(line, kernel, seen);
      kernel = ParseKernelText(rest);
      line.text = rest;
    }
    OnMessage(line, kernel, seen);
  }

  void OnMessage(const Line& line, const KernelLine& kernel, const Seen& seen) {
    if (!IsOfKernel(kernel)) return;
    facts_.kernel_lines = facts_.kernel_lines || seen.rows.any();
    if (kernel.replay) {
      for (const Open& open : open_) {
        if (open.report->only_header()) copies_.Forget(open.header);
      }
      std::erase_if(open_, [](const Open& open) { return open.report->only_header(); });
      return;
    }
    const bool may_precede = kernel.text.starts_with('-') || kernel.text.starts_with('=');
    if (may_precede && (kernel.text.starts_with(kCutHere) || kernel.text.starts_with(kRule))) {
      preamble_ = Preamble{.context = std::string(kernel.caller),
                           .start = line.start,
                           .text = std::string(line.text) + '\n',
                           .message = kernel.text.starts_with(kCutHere)};
      return;
    }
    OnKernelLine(line, kernel, seen);
  }

  void OnKernelLine(const Line& line, const KernelLine& kernel, const Seen& seen) {
    if (boots_.must_read()) Boot(boots_.Next(kernel));
    if (seen.invariant) CheckInvariants(line, kernel.text);
    auto match = seen.rows.any() ? MatchSignature(kernel.text, seen.rows) : std::nullopt;
    if (!match) {
      if (seen.any && !waits_.empty()) EndWaits(kernel.text);
      ContinuePreamble(line, kernel);
      return AddToReports(line, kernel);
    }
    if (const auto nonce = CanaryNonce(*match)) {
      if (callbacks_.on_canary) callbacks_.on_canary(*nonce);
      return;
    }
    const std::optional<Preamble> preamble = std::exchange(preamble_, std::nullopt);
    if (match->signature->kind == Kind::kUnexpectedReboot) return OnBoot(line, kernel, *match);

    const bool copy = copies_.Add(kernel);
    const Caller caller(kernel.caller);
    const auto same = std::ranges::find_if(open_, [&](const Open& open) { return open.IsOf(caller); });
    const bool may_join = same != open_.end() && (copy || !same->copy);
    if (may_join && same->report->Takes(*match, kernel.micros)) {
      same->report->Join(*match, line, kernel.text, kernel.micros);
      return;
    }
    for (size_t i = 0; i < open_.size();) {
      const Open& open = open_[i];
      if (open.report->IsOver(kernel.micros) || (open.IsOf(caller) && !open.report->Beside(*match))) {
        Close(i);
      } else {
        ++i;
      }
    }
    if (open_.size() == kMaxOpen) Close(0);
    auto report = std::make_unique<Report>(std::move(*match), line, kernel.text, kernel.micros);
    if (preamble && preamble->context == kernel.caller) report->Precede(preamble->start, preamble->text);
    if (callbacks_.on_header && !copy) callbacks_.on_header(report->Begun());
    open_.push_back({caller.key(), std::string(kernel.caller), std::move(report), Copies::HeaderOf(kernel), copy});
  }

  void EndWaits(std::string_view text) {
    const std::optional<CsdWait> over = CsdWait::ThatIsOver(text);
    if (!over) return;
    std::erase_if(waits_, [&](const Waiting& waiting) {
      const CsdWait& wait = waiting.wait;
      if (wait.lock == -1 ? wait.cpu != over->cpu : wait.lock != over->lock) return false;
      if (callbacks_.on_over) callbacks_.on_over(waiting.start);
      return true;
    });
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
    if (open_.empty()) return;
    copies_.Pass(kernel.micros);
    const Caller caller(kernel.caller);
    const bool of_cpu = kernel.caller.starts_with('C');
    for (size_t i = 0; i < open_.size();) {
      const Open& open = open_[i];
      if (!open.IsOf(caller) && !(of_cpu && open.report->all_cpus())) {
        ++i;
        continue;
      }
      open.report->Add(line, kernel.text, kernel.micros);
      if (open.report->complete()) {
        Close(i);
      } else {
        ++i;
      }
    }
  }

  void OnBoot(const Line& line, const KernelLine& kernel, const Match& match) {
    if (boots_.pending()) Boot(boots_.End());
    boot_ = {.start = line.start, .end = line.end, .text = std::string(line.text), .release = match.text};
    if (boots_.Begin(kernel)) NewKernel();
  }

  // What the last "Linux version" was.
  void Boot(Boots::Result result) {
    if (result == Boots::Result::kPending || result == Boots::Result::kCopy) return;
    while (!open_.empty()) Close(0);
    NewKernel();
    if (result == Boots::Result::kKdump) return;
    copies_ = {};
    if (options_.announced_boots > 0) {
      --options_.announced_boots;
      return;
    }
    EmitLine(Kind::kUnexpectedReboot, "unexpected reboot", "",
             {.start = boot_.start, .end = boot_.end, .text = boot_.text});
  }

  void NewKernel() {
    while (!open_.empty()) Close(0);
    aftermath_ = {};
    waits_.clear();
    release_ = boot_.release;
    if (facts_.kernel_release.empty()) facts_.kernel_release = release_;
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
    Open open = std::move(open_[index]);
    open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(index));
    if (open.copy) return;
    const int64_t micros = open.report->micros();
    const bool complete = !open.report->lacks_stack();
    const std::optional<CsdWait> wait = open.report->Wait();
    Finding finding = std::move(*open.report).Finish();
    // A copy may show more.
    if (finding.corrupted || !complete) copies_.Forget(open.header);
    if (wait) waits_.push_back({*wait, finding.start_offset});
    if (waits_.size() > kMaxWaits) waits_.pop_front();
    Emit(std::move(finding), micros);
  }

  void Emit(Finding finding, int64_t micros = 0) {
    aftermath_.Judge(finding, micros);
    if (finding.kernel_release.empty()) finding.kernel_release = release_;
    if (finding.architecture.empty()) finding.architecture = facts_.architecture;
    if (facts_.architecture.empty()) facts_.architecture = finding.architecture;
    if (facts_.kernel_release.empty()) facts_.kernel_release = finding.kernel_release;
    if (callbacks_.on_finding) callbacks_.on_finding(std::move(finding));
  }

  Options options_;
  Callbacks callbacks_;
  std::unique_ptr<Prefilter> prefilter_;  // if null, every line is read
  std::unique_ptr<Prefilter> lines_prefilter_;
  LineAssembler lines_;
  Seen seen_;  // literals in the unfinished line
  std::deque<Waiting> waits_;
  std::vector<Open> open_;            // in the order of their headers
  std::optional<Preamble> preamble_;  // lines that may be followed by a header
  Aftermath aftermath_;               // covers the findings since the boot
  Copies copies_;                     // the same, and those of the crash kernel, which may print the old messages
  LogFacts facts_;                    // without the container
  std::string release_;               // from the "Linux version" line
  const std::vector<std::string>& literals_;
  size_t hints_from_;  // index in the prefilter's literals
  // If the log may be in a container:
  std::optional<ContainedLines> contained_;
  Utf16Decoder decoder_;
  const ContainedLines::OnText on_held_ = [this](const ContainedLines::Text& text) { OnText(text, {}); };
  bool timed_ = false;
  Boots boots_;
  struct {
    uint64_t start = 0;
    uint64_t end = 0;
    std::string text;
    std::string release;
  } boot_;  // the last "Linux version" line
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

LogFacts Engine::facts() const {
  return impl_->facts();
}

std::vector<Finding> Detect(std::string_view log, const Options& options) {
  std::vector<Finding> findings;
  Callbacks callbacks;
  callbacks.on_finding = [&](Finding finding) { findings.push_back(std::move(finding)); };
  callbacks.on_over = [&](uint64_t start) {
    for (Finding& finding : findings) finding.transient = finding.transient || finding.start_offset == start;
  };
  Engine engine(options, std::move(callbacks));
  engine.Feed(log);
  engine.Finish();
  return findings;
}

}  // namespace lk::detect
