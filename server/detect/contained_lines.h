// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/detect/container.h"
#include "server/detect/kernel_line.h"
#include "server/detect/line_assembler.h"
#include "server/detect/quoted_printable.h"

namespace lk::detect {

// Extracts the kernel's lines from a log in any container, joins those that are split (by a mailer, or by the
// container), and restores their order.
//
// Most lines of a log are of no interest and are skipped. The container, and whether lines are wrapped, are learned
// from all lines at the beginning and then from samples at fixed offsets, so that they do not depend on which other
// lines are read.
class ContainedLines {
 public:
  // The prefilter's literals in a text.
  enum class Literals {
    kNone,
    kOfLine,   // the same as in the line that is being read
    kUnknown,  // the text must be searched
  };
  struct Text {
    const Line& line;  // with its container
    const KernelLine& kernel;
    Literals literals = Literals::kNone;
  };
  using OnText = std::function<void(const Text&)>;
  // Whether one of the prefilter's literals is in a text.
  using HasLiteral = std::function<bool(std::string_view text)>;

  // Beginnings of the lines that precede a part of a dump in pstore (kmsg_dump_reason_str, kernel/printk/printk.c).
  static constexpr std::string_view kDumpReasons[] = {"Panic#",   "Oops#",    "Emergency#", "Shutdown#",
                                                      "Unknown#", "Restart#", "Halt#",      "Poweroff#"};

  explicit ContainedLines(HasLiteral has_literal) : has_literal_(std::move(has_literal)) {}

  // `literals`: of the line; unknown if it has hints (hints.h), or without the prefilter.
  void Read(const Line& line, Literals literals, const OnText& on_text);
  // Parses a line without literals for which Read would do nothing else, as for most lines of a console.
  std::optional<KernelLine> ParseBare(const Line& line) const;
  // No more lines are expected for now: what has been read may not be continued.
  void Flush(const OnText& on_text);

  // Whether the line that starts at this offset must be read.
  bool MustRead(uint64_t start) const;
  // The first offset at or after this one at which lines must be read again.
  static uint64_t NextSample(uint64_t offset);
  // As Unwrapper::Skippable.
  size_t Skippable(std::string_view lines) const { return unwrapper_.Skippable(lines); }

  // Whether the kernel's lines can be told from others.
  bool timed() const { return timed_; }
  std::string_view name() const;

 private:
  static constexpr uint64_t kPeriod = 256 << 10;
  static constexpr uint64_t kSample = 4 << 10;  // at the beginning of each period; all of the first one

  // A line that a mailer has wrapped has one of these sizes. If it is short, the next word must not have fitted.
  static constexpr size_t kWrappedFrom = 24;
  static constexpr size_t kSurelyFrom = 50;
  static constexpr size_t kWrappedTo = 84;
  static constexpr size_t kFitsTo = 72;
  static constexpr uint32_t kSniffed = 300;  // lines
  static constexpr int kMaxJoined = 4;       // by a mailer
  static constexpr size_t kMaxHeld = 8 << 10;
  static constexpr size_t kMaxDump = 128 << 10;

  // A text that is kept for later.
  struct Held {
    uint64_t start = 0;
    uint64_t end = 0;
    std::string raw;
    std::string text;
    std::string caller;
    KernelLine kernel;
    bool literals = false;
    int joined = 0;
    bool wraps = false;      // the next line may be a part that a mailer has wrapped
    bool more = false;       // the next line is a part
    bool unparsed = false;   // the text has the kernel's prefixes
    bool of_kernel = false;  // the container says that the kernel printed it
  };
  struct Record {
    bool text = false;
    bool kernel = false;
    bool program = false;
    Held held;
  };
  // The parts of a dump in pstore, which may be stored with the last one first.
  struct Dump {
    std::string name;
    uint32_t part;
    size_t size;
    std::vector<std::vector<Held>> parts;
    bool reversed;
  };

  static bool Sampled(uint64_t start) { return start < kPeriod || start % kPeriod < kSample; }
  bool Learns(const Line& line) const { return !timed_ || Sampled(line.start); }
  static void Set(Held& held, const Line& line, const KernelLine& kernel, bool literals);
  // Format=flowed of mails ends a line with a blank if the next one continues it.
  static bool MayBeFlowed(std::string_view line) { return line.size() >= kSurelyFrom && line.ends_with(' '); }
  bool Fits(std::string_view text) const;

  void ReleaseRecord(const OnText& on_text);
  void ReadDecoded(const Line& line, Literals found, const OnText& on_text);
  void ReadRecord(const Line& line, const Unwrapped& unwrapped, bool literals, const OnText& on_text);
  bool Join(const Line& line, const KernelLine& kernel, bool literals, bool learn, const OnText& on_text);
  void ReadPart(const Line& line, const Unwrapped& unwrapped, bool literals, const OnText& on_text);
  void ReadProgram(const OnText& on_text);
  void Append(const Line& line, std::string_view text, bool literals);
  void Sniff(const Line& line);
  void Unindent(KernelLine& kernel, bool literals);
  void Release(const OnText& on_text);
  bool ReadDumpHead(std::string_view text, const OnText& on_text);
  void ReleaseDump(const OnText& on_text);
  void Emit(const Text& text, const OnText& on_text);

  HasLiteral has_literal_;
  QuotedPrintable mail_;
  Unwrapper unwrapper_;
  bool timed_ = false;
  Held held_;
  bool holds_ = false;
  Record record_;
  std::optional<Dump> dump_;
  bool pstore_ = false;
  // Whether a mailer has wrapped the lines; found out from samples.
  enum class Wrapping { kUnknown, kYes, kNo } wrapping_ = Wrapping::kUnknown;
  uint64_t learned_to_ = 0;  // the end of the last line that was learned from
  uint32_t sniffed_ = 0;
  uint32_t wrapped_lines_ = 0;
  uint32_t long_lines_ = 0;
  size_t wrappable_ = 0;          // size of the previous line, if it may have been wrapped
  std::optional<size_t> indent_;  // of the lines since the last empty one
};

}  // namespace lk::detect
