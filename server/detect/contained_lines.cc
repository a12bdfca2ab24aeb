// SPDX-License-Identifier: Apache-2.0
#include "server/detect/contained_lines.h"

#include <algorithm>
#include <utility>

#include "server/detect/cursor.h"

namespace lk::detect {
namespace {

// The facility and the level of what programs write to /dev/kmsg.
constexpr int kUserFacility = 8;

KernelLine Parse(const Unwrapped& unwrapped, bool plain) {
  if (!unwrapped.kernel) return ParseKernelLine(unwrapped.text, plain);
  KernelLine kernel = ParseKernelText(unwrapped.text, plain);
  if (kernel.micros < 0) kernel.micros = unwrapped.micros;
  if (!unwrapped.caller.empty()) kernel.caller = unwrapped.caller;
  return kernel;
}

// A line without text, or "..." and "[...]" instead of lines that have been left out.
bool IsEllipsis(std::string_view text) {
  return text.find_first_not_of(" \t.[]<>") == std::string_view::npos;
}

}  // namespace

std::string_view ContainedLines::name() const {
  return pstore_ && unwrapper_.name().empty() ? "pstore" : unwrapper_.name();
}

bool ContainedLines::MustRead(uint64_t start) const {
  return !timed_ || mail_.active() || unwrapper_.html() || (holds_ && (held_.more || held_.wraps || held_.literals)) ||
         record_.text || dump_ || (wrapping_ != Wrapping::kNo && unwrapper_.may_wrap()) || Sampled(start);
}

uint64_t ContainedLines::NextSample(uint64_t offset) {
  return (offset + kPeriod - 1) / kPeriod * kPeriod;
}

void ContainedLines::Read(const Line& encoded, Literals found, const OnText& on_text) {
  if (mail_.Passes(encoded) || (!mail_.active() && (!unwrapper_.may_wrap() || !Learns(encoded)))) {
    return ReadDecoded(encoded, found, on_text);
  }
  const std::optional<Line> line = mail_.Read(encoded);
  if (line) ReadDecoded(*line, mail_.active() ? Literals::kUnknown : found, on_text);
}

std::optional<KernelLine> ContainedLines::ParseBare(const Line& line) const {
  if (Learns(line) || wrapping_ != Wrapping::kNo || holds_ || record_.text || dump_ || !mail_.Passes(line) ||
      !unwrapper_.IsBare(line.text)) {
    return std::nullopt;
  }
  const KernelLine kernel = ParseKernelLine(line.text, true);
  return kernel.level < kUserFacility ? std::optional(kernel) : std::nullopt;
}

void ContainedLines::ReadDecoded(const Line& line, Literals found, const OnText& on_text) {
  const bool learn = Learns(line);
  // The line before may not have been read.
  if (learn && line.start != learned_to_ && wrapping_ == Wrapping::kNo) wrappable_ = 0;
  if (learn) learned_to_ = line.end;
  const Unwrapped unwrapped = unwrapper_.Unwrap(line.text, learn);
  if (unwrapper_.html()) found = Literals::kUnknown;
  const bool literals = found != Literals::kNone;
  if (unwrapped.part != Unwrapped::Part::kLine) return ReadRecord(line, unwrapped, literals, on_text);
  // If the line does not continue the record, the container may have changed.
  if (!unwrapped.stray || unwrapper_.BeginsRecord(line.text)) ReleaseRecord(on_text);
  if (unwrapped.program) return ReadProgram(on_text);
  if (unwrapper_.has_parts() || unwrapped.more || (holds_ && held_.more)) {
    return ReadPart(line, unwrapped, literals, on_text);
  }
  KernelLine kernel;
  if (unwrapped.stray) {
    kernel.text = unwrapped.text;
  } else {
    kernel = Parse(unwrapped, !literals);
  }
  timed_ = timed_ || kernel.timed;
  if (kernel.level >= kUserFacility) return ReadProgram(on_text);
  if (Join(line, kernel, literals, learn, on_text)) return;
  Release(on_text);
  if (!timed_) Unindent(kernel, literals);
  if (!kernel.marked && ReadDumpHead(kernel.text, on_text)) return;

  if (wrapping_ != Wrapping::kNo && unwrapper_.may_wrap() && wrappable_ > 0) {
    Set(held_, line, kernel, literals);
    held_.wraps = true;
    holds_ = true;
  } else {
    Emit({.line = line, .kernel = kernel, .literals = found}, on_text);
  }
}

void ContainedLines::Flush(const OnText& on_text) {
  if (const std::optional<Line> line = mail_.Flush()) ReadDecoded(*line, Literals::kUnknown, on_text);
  ReleaseRecord(on_text);
  Release(on_text);
  ReleaseDump(on_text);
}

void ContainedLines::ReadRecord(const Line& line, const Unwrapped& unwrapped, bool literals, const OnText& on_text) {
  Release(on_text);
  switch (unwrapped.part) {
    case Unwrapped::Part::kText: {
      KernelLine kernel;
      kernel.text = unwrapped.text;
      Set(record_.held, line, kernel, literals);
      record_.text = true;
      break;
    }
    case Unwrapped::Part::kSource:
      record_.kernel = record_.kernel || unwrapped.kernel;
      record_.program = record_.program || unwrapped.program;
      break;
    case Unwrapped::Part::kEnd:
      ReleaseRecord(on_text);
      break;
    case Unwrapped::Part::kLine:
    case Unwrapped::Part::kOther:
      break;
  }
}

void ContainedLines::ReleaseRecord(const OnText& on_text) {
  const bool text = std::exchange(record_.text, false);
  const bool program = std::exchange(record_.program, false);
  const bool kernel = std::exchange(record_.kernel, false);
  timed_ = timed_ || program || kernel;
  if (!text || program) return;
  Held& held = record_.held;
  Emit({.line = {.start = held.start, .end = held.end, .text = held.raw},
        .kernel = kernel ? ParseKernelText(held.text) : ParseKernelLine(held.text),
        .literals = held.literals ? Literals::kUnknown : Literals::kNone},
       on_text);
}

// Whether the line continues the one that is held, and has been added to it.
bool ContainedLines::Join(const Line& line, const KernelLine& kernel, bool literals, bool learn,
                          const OnText& on_text) {
  const bool text = !kernel.marked && !kernel.replay && !IsEllipsis(kernel.text);
  const bool continues = text && wrappable_ > 0 && ((timed_ && wrappable_ >= kSurelyFrom) || !Fits(kernel.text));
  if (learn) {
    if (continues && timed_) ++wrapped_lines_;
    Sniff(line);
  }
  const size_t size = line.text.size();
  const bool wrappable =
      timed_ ? (kernel.marked || continues) && size >= kWrappedFrom && size <= kWrappedTo : MayBeFlowed(line.text);
  wrappable_ = wrappable ? size : 0;
  if (!holds_ || !held_.wraps || !continues) return false;
  if (!held_.text.ends_with(' ')) held_.text += ' ';
  Append(line, kernel.text, literals);
  held_.wraps = held_.joined < kMaxJoined && wrappable;
  if (!held_.wraps) Release(on_text);
  return true;
}

// Whether the first word of the text would have fitted into the previous line.
bool ContainedLines::Fits(std::string_view text) const {
  text.remove_prefix(std::min(text.size(), text.find_first_not_of(' ')));
  return wrappable_ + 1 + std::min(text.size(), text.find(' ')) <= kFitsTo;
}

// Adds a part of a line, in a container that has lines in parts.
void ContainedLines::ReadPart(const Line& line, const Unwrapped& unwrapped, bool literals, const OnText& on_text) {
  if (holds_ && (held_.more || unwrapped.continues)) {
    Append(line, unwrapped.text, literals);
  } else {
    Release(on_text);
    KernelLine unparsed;
    unparsed.text = unwrapped.text;
    unparsed.caller = unwrapped.caller;
    unparsed.micros = unwrapped.micros;
    Set(held_, line, unparsed, literals);
    held_.unparsed = true;
    held_.of_kernel = unwrapped.kernel;
    holds_ = true;
  }
  held_.more = unwrapped.more;
  if (!held_.more && !unwrapper_.has_parts()) Release(on_text);
}

void ContainedLines::ReadProgram(const OnText& on_text) {
  timed_ = true;
  wrappable_ = 0;
  Release(on_text);
}

void ContainedLines::Append(const Line& line, std::string_view text, bool literals) {
  const auto add = [](std::string& to, std::string_view more) {
    to += more.substr(0, kMaxHeld - std::min(kMaxHeld, to.size()));
  };
  add(held_.text, text);
  add(held_.raw, "\n");
  add(held_.raw, line.text);
  held_.end = line.end;
  held_.literals = held_.literals || literals;
  ++held_.joined;
}

void ContainedLines::Sniff(const Line& line) {
  if (line.text.size() > kWrappedTo) ++long_lines_;
  if (++sniffed_ < kSniffed && line.end < kPeriod) return;
  wrapping_ = wrapped_lines_ > 2 && wrapped_lines_ > long_lines_ ? Wrapping::kYes : Wrapping::kNo;
  sniffed_ = wrapped_lines_ = long_lines_ = 0;
}

// Removes the indentation of an excerpt, so that headers begin the line. The excerpt begins with a header, or after an
// empty line.
void ContainedLines::Unindent(KernelLine& kernel, bool literals) {
  if (kernel.marked) return;
  const size_t blanks = std::min(kernel.text.size(), kernel.text.find_first_not_of(" \t"));
  if (blanks == kernel.text.size()) {
    indent_.reset();
    return;
  }
  // Those of the line may be in what is around the text, or not be known.
  if (!indent_ || (literals && has_literal_(kernel.text))) indent_ = blanks;
  kernel.text.remove_prefix(std::min(blanks, *indent_));
}

void ContainedLines::Set(Held& held, const Line& line, const KernelLine& kernel, bool literals) {
  held.start = line.start;
  held.end = line.end;
  held.raw = line.text;
  held.text = kernel.text;
  held.caller = kernel.caller;
  held.kernel = kernel;
  held.literals = literals;
  held.joined = 0;
  held.wraps = held.more = held.unparsed = false;
}

void ContainedLines::Release(const OnText& on_text) {
  if (!holds_) return;
  holds_ = false;
  if (held_.unparsed) {
    Unwrapped whole;
    whole.text = held_.text;
    whole.caller = held_.caller;
    whole.micros = held_.kernel.micros;
    whole.kernel = held_.of_kernel;
    held_.kernel = Parse(whole, !held_.literals && held_.joined == 0);
    timed_ = timed_ || held_.kernel.timed;
    if (held_.kernel.level >= kUserFacility) {
      timed_ = true;
      return;
    }
  } else {
    held_.kernel.text = held_.text;
    held_.kernel.caller = held_.caller;
  }
  Emit({.line = {.start = held_.start, .end = held_.end, .text = held_.raw},
        .kernel = held_.kernel,
        .literals = held_.literals || held_.joined > 0 ? Literals::kUnknown : Literals::kNone},
       on_text);
}

// "Panic#1 Part2" precedes a part of the kernel log; part 1 is the end of the log.
bool ContainedLines::ReadDumpHead(std::string_view text, const OnText& on_text) {
  Cursor c(text);
  uint32_t count = 0;
  uint32_t part = 0;
  if (std::ranges::none_of(kDumpReasons, [&](std::string_view reason) { return c.Skip(reason); })) return false;
  if (!c.Take(count)) return false;
  const std::string_view name = text.substr(0, text.size() - c.rest().size());
  if (!c.Skip(" Part") || !c.Take(part)) return false;
  c.SkipBlanks();
  if (!c.empty()) return false;
  pstore_ = timed_ = true;
  if (dump_ && dump_->name == name && part == dump_->part + 1) {
    dump_->reversed = true;
  } else {
    ReleaseDump(on_text);
    dump_.emplace();
    dump_->name = name;
  }
  dump_->part = part;
  dump_->parts.emplace_back();
  return true;
}

void ContainedLines::ReleaseDump(const OnText& on_text) {
  if (!dump_) return;
  const Dump dump = *std::exchange(dump_, std::nullopt);
  uint64_t start = UINT64_MAX;
  uint64_t end = 0;
  for (const std::vector<Held>& part : dump.parts) {
    for (const Held& held : part) {
      start = std::min(start, held.start);
      end = std::max(end, held.end);
    }
  }
  for (auto part = dump.parts.rbegin(); part != dump.parts.rend(); ++part) {
    for (const Held& held : *part) {
      Line line{.start = held.start, .end = held.end, .text = held.raw};
      // A report may begin behind its end.
      if (dump.reversed) {
        line.start = start;
        line.end = end;
      }
      KernelLine kernel = held.kernel;
      kernel.text = held.text;
      kernel.caller = held.caller;
      on_text({.line = line, .kernel = kernel, .literals = held.literals ? Literals::kUnknown : Literals::kNone});
    }
  }
}

void ContainedLines::Emit(const Text& text, const OnText& on_text) {
  if (!dump_) return on_text(text);
  dump_->size += text.line.text.size();
  Held& held = dump_->parts.back().emplace_back();
  Set(held, text.line, text.kernel, text.literals != Literals::kNone);
  if (dump_->size > kMaxDump) ReleaseDump(on_text);
}

}  // namespace lk::detect
