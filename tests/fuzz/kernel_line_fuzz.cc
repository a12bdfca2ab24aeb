// SPDX-License-Identifier: Apache-2.0
// Fuzzes the parser of console line prefixes. The text that the parser returns must be a suffix of the line, a
// caller ID must be well formed, and the fast paths must agree with the slow one. The text is also parsed as a line of
// a stack trace.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "server/detect/kernel_line.h"
#include "server/detect/signatures.h"
#include "server/detect/stack.h"
#include "server/detect/walk.h"

using lk::detect::KernelLine;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  lk::detect::StackReader stacks;
  for (size_t at = 0; at < size;) {
    const std::string_view line = input.substr(at, input.find('\n', at) - at);
    at += line.size() + 1;
    const KernelLine kernel = lk::detect::ParseKernelLine(line);
    if (!line.ends_with(kernel.text) || kernel.timed != lk::detect::HasTimeStamp(line)) std::abort();
    const auto is_caller = [](char first) {
      return first == 'T' || first == 'C' || first == '(' || (first >= '0' && first <= '9');
    };
    if (!kernel.caller.empty() && (!is_caller(kernel.caller[0]) || kernel.caller.size() < 2 || !kernel.marked)) {
      std::abort();
    }
    if (!line.ends_with(lk::detect::ParseKernelText(line).text)) std::abort();
    const bool plain = !kernel.replay && line.find("Linux version ") == std::string_view::npos;
    if (plain && lk::detect::ParseKernelLine(line, true).text != kernel.text) std::abort();
    lk::detect::MatchSignature(kernel.text);
    stacks.Read(kernel.text);
  }
  for (const lk::detect::Stack& stack : stacks.stacks()) {
    using lk::detect::Walk;
    if (stack.frames.size() > lk::detect::Stack::kMaxFrames) std::abort();
    if (stack.frames.empty()) continue;
    for (const Walk walk : {Walk::kFault, Walk::kStall, Walk::kBlocked}) {
      if (NameOf(stack, walk).empty()) std::abort();
    }
  }
  return 0;
}
