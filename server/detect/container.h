// SPDX-License-Identifier: Apache-2.0
// What carries the kernel's text in a file: journals, syslog, dmesg's formats, console servers, CI systems, quoted
// mail.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lk::detect {

// What a container says about the text in a line.
struct Unwrapped {
  enum class Part : uint8_t {
    kLine,    // all of the text
    kText,    // the text of a record that takes several lines
    kSource,  // who printed that record
    kEnd,     // that record is complete
    kOther,   // nothing of interest
  };

  std::string_view text;
  std::string_view caller;  // as KernelLine::caller; empty if the container does not say
  int64_t micros = -1;      // as KernelLine::micros
  Part part = Part::kLine;
  bool kernel = false;     // the kernel printed it
  bool program = false;    // something else did
  bool stray = false;      // not a line of the container
  bool more = false;       // the container's next line continues the text
  bool continues = false;  // continues the text of the container's previous line
};

// Removes the container's prefix from lines. The container is the one in which most of the recent kernel lines were
// found; prefixes of another are text, since a program can print those.
class Unwrapper {
 public:
  // `learn` means that the line counts when the container is chosen. The texts are in `line`, or valid until the next
  // call.
  Unwrapped Unwrap(std::string_view line, bool learn);
  // Whether the line is a console's with nothing to remove, which is known without unwrapping it.
  bool IsBare(std::string_view line) const;

  // "journalctl -o json", "dmesg -T" and so on; empty if the lines are a console's, or nothing was recognised.
  std::string_view name() const;
  // Whether a mailer may have wrapped the lines.
  bool may_wrap() const;
  // Whether a line may say that it continues the previous one.
  bool has_parts() const;
  // Whether a record of several lines begins here, so that what precedes does not matter.
  bool BeginsRecord(std::string_view line) const;
  // Whether the log is in a web page, so that tags may split literals.
  bool html() const { return html_; }
  // The size of the beginning of `lines`, which end with a newline, that may be skipped if it is not of interest. The
  // rest is needed to understand the line that follows.
  size_t Skippable(std::string_view lines) const;

  // Literals that occur where signs are encoded or a line has parts (hints.h).
  static std::vector<std::string_view> Hints();
  // The size of the terminal's escape sequence at the beginning of the text.
  static size_t EscapeSize(std::string_view text);

 private:
  static constexpr size_t kMaxContainers = 32;
  // After this many lines of another container than the present one, or as many as the present one has had, that
  // becomes the present one.
  static constexpr uint32_t kRevise = 16;

  std::string_view Plain(std::string_view line);
  void LearnHtml(std::string_view line);
  void Learn(size_t row);

  std::string scratch_;
  std::string decoded_;
  std::string prefix_;  // of the last line, if the container's prefixes are uniform
  Unwrapped of_prefix_;
  size_t container_ = 0;                           // row of the table; 0 is the console
  uint32_t lines_ = 0;                             // in the present container
  std::array<uint32_t, kMaxContainers> others_{};  // since the last line in the present one
  bool levels_ = false;                            // dmesg -x
  bool html_ = false;
};

}  // namespace lk::detect
