// SPDX-License-Identifier: Apache-2.0
#include "server/detect/report.h"

#include <algorithm>
#include <utility>

#include "server/detect/cursor.h"
#include "server/detect/title.h"
#include "server/detect/walk.h"

namespace lk::detect {
namespace {

constexpr std::string_view kPanicPrefix = "Kernel panic - not syncing: ";

bool IsBody(const Signature& signature, std::string_view text) {
  // An indented line belongs to the line above it.
  if (text.empty() || text.front() == ' ' || text.front() == '\t' || text.front() == '>') return true;
  // "2 locks held by cat/77:", a lock, and the page table walk that arm64 prints.
  const auto has = [&](std::string_view part) { return text.find(part) != std::string_view::npos; };
  return BodyOf(signature).Has(text) || has(" held by ") || has("}, at: ") || has("] pgd=");
}

}  // namespace

Report::Report(Match header, const Line& line, std::string_view text, int64_t micros)
    : header_(std::move(header)),
      start_(line.start),
      micros_(micros),
      last_micros_(micros),
      fatal_(header_.signature->fatal) {
  excerpt_.reserve(kUsualExcerpt);
  Keep(line);
  if (header_.cpu >= 0) {
    body_.victim_cpus.push_back(header_.cpu);
  } else if (header_.pid >= 0) {
    body_.victim_pids.push_back(header_.pid);
  }
  ReadLine(text);
  stacks_.Read(text);
  if (header_.signature->stack_follows) stacks_.BeginTrace();
  // Sanitizers print several stacks and more.
  if (header_.signature->kind != Kind::kSanitizer) stacks_.CountStrays();
}

void Report::Precede(uint64_t start, std::string_view lines) {
  start_ = start;
  excerpt_.insert(0, lines);
  if (excerpt_.size() > kMaxExcerpt) excerpt_.resize(kMaxExcerpt);
}

void Report::Keep(const Line& line) {
  end_ = line.end;
  const auto keep = [this](std::string_view text) { excerpt_ += text.substr(0, kMaxExcerpt - excerpt_.size()); };
  if (!pending_.empty()) keep(std::exchange(pending_, {}));
  keep(line.text);
  if (excerpt_.size() < kMaxExcerpt) excerpt_ += '\n';
}

void Report::Add(const Line& line, std::string_view text, int64_t micros) {
  if (IsOver(micros)) {
    ended_ = true;
    return;
  }
  ++lines_;
  const bool stack = stacks_.Read(text) == StackReader::Line::kStack;
  if (!stack && !IsBody(*header_.signature, text)) {
    if (++foreign_ <= kMaxForeign) {
      pending_ += line.text;
      pending_ += '\n';
    }
    return;
  }
  if (!text.empty()) foreign_ = 0;
  if (micros > 0) last_micros_ = micros;
  Keep(line);
  if (!stack) ReadLine(text);
}

// Reads a line that is not part of a stack.
void Report::ReadLine(std::string_view text) {
  if (const Reader read = ReaderOf(*header_.signature)) read(text, header_, stacks_.HasFrames(), body_);
  ReadModules(text);
  ReadWork(text);
  all_cpus_ = all_cpus_ || text.starts_with("Sending NMI from CPU");
  trace_ended_ = trace_ended_ || text.starts_with("---[ end trace");
  // With panic=N, the kernel prints "Rebooting in" instead of the end line.
  ended_ = text.starts_with("---[ end Kernel panic") || (fatal_ && text.starts_with("Rebooting in "));
}

// "Workqueue: events drain_fn [lab]" (print_worker_info, kernel/workqueue.c)
void Report::ReadWork(std::string_view text) {
  Cursor c(text);
  if (!work_function_.empty() || !c.Skip("Workqueue: ")) return;
  c.TakeWhile([](char x) { return x != ' '; });
  c.SkipBlanks();
  work_function_ = PlainFunction(c.TakeWhile(Cursor::IsSymbol));
}

// "Modules linked in: foo(OE) bar [last unloaded: baz]" (print_modules, kernel/module/main.c)
void Report::ReadModules(std::string_view text) {
  Cursor c(text);
  if (!modules_.empty() || !c.Skip("Modules linked in:")) return;
  while (modules_.size() < Finding::kMaxModules) {
    c.SkipBlanks();
    const std::string_view name = c.TakeWhile([](char x) { return Cursor::IsWord(x) || x == '-'; });
    if (name.empty()) return;
    modules_.emplace_back(name);
    c.TakeWhile([](char x) { return x != ' '; });
  }
}

bool Report::Takes(const Match& header, int64_t micros) const {
  if (header.signature->nmi) return fatal_;
  if (header.signature->fatal || fatal_) return true;
  if (header.signature->kind == Kind::kHungTask && header_.signature->kind == Kind::kHungTask) {
    // Another task that the same check has found blocked.
    return header.pid >= 0 && header_.pid >= 0 && micros - last_micros_ < kSamePass &&
           std::ranges::find(body_.victim_pids, header.pid) == body_.victim_pids.end();
  }
  // A message without a stack that is printed again is another report.
  if (header.signature == header_.signature && header.signature->walk == Walk::kNone) return false;
  return (header.signature->joins & Bit(header_.signature->kind)) != 0 && !stacks_.HasFrames() && !trace_ended_;
}

bool Report::Beside(const Match& header) const {
  return header.signature == header_.signature && IsOfACpu(header_.signature->walk) && header.cpu >= 0 &&
         header_.cpu >= 0 && header.cpu != header_.cpu && !stacks_.HasFrames();
}

void Report::Join(const Match& header, const Line& line, std::string_view text, int64_t micros) {
  ++lines_;
  foreign_ = 0;
  Keep(line);
  if (micros > 0) last_micros_ = micros;
  if (header.signature->kind == Kind::kHungTask && header.pid >= 0) body_.victim_pids.push_back(header.pid);
  // Symbolizers repeat the header for each function that is inlined there; the last one is the function itself.
  // The warning that follows a message names the function that the message does not.
  const bool names = header.signature == header_.signature || header_.signature->walk == Walk::kNone;
  if (names && !header.function.empty()) header_.function = header.function;
  if (header.signature->kind == header_.signature->kind) ReadLine(text);
  stacks_.Read(text);
  if (header.signature->fatal && !fatal_) {
    fatal_ = true;
    if (text.starts_with(kPanicPrefix)) panic_ = Normalise(text.substr(kPanicPrefix.size()));
  }
}

bool Report::IsOver(int64_t micros) const {
  return micros - last_micros_ > kMaxSilence && last_micros_ > 0 && header_.signature->kind != Kind::kCsdStall;
}

bool Report::complete() const {
  return ended_ || foreign_ >= (AwaitsMore() ? kMaxForeignBeforeStack : kMaxForeign) || lines_ >= kMaxLines;
}

// Whether the report has not shown yet what every report of its kind shows, however many other lines come first.
bool Report::AwaitsMore() const {
  if (header_.signature->kind == Kind::kCsdStall) return !body_.transient;
  return lacks_stack();
}

std::optional<CsdWait> Report::Wait() const {
  if (body_.transient) return std::nullopt;
  if (header_.signature->kind == Kind::kCsdStall && body_.wait.lock >= 0) return body_.wait;
  const Stack* const stack = header_.signature->kind == Kind::kSoftLockup ? Choose() : nullptr;
  if (stack && header_.cpu >= 0 && !CrossCallOf(*stack).empty()) return CsdWait{.lock = -1, .cpu = header_.cpu};
  return std::nullopt;
}

bool Report::IsVictim(const Stack& stack) const {
  return std::ranges::find(body_.victim_cpus, stack.cpu) != body_.victim_cpus.end() ||
         std::ranges::find(body_.victim_pids, stack.pid) != body_.victim_pids.end();
}

}  // namespace lk::detect
