// SPDX-License-Identifier: Apache-2.0
// Tells reports that are read a second time, as in a dmesg that is printed on the console, from new ones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_set>

#include "server/detect/kernel_line.h"

namespace lk::detect {

// A header is a copy if the same line with the same time, in microseconds, has been read before, and times have gone
// back since. A line that is only repeated at once is not, since the clock may be coarse.
class Copies {
 public:
  // The text and the time of a header; 0 if the time is not known.
  using Header = uint64_t;
  static Header HeaderOf(const KernelLine& line);

  // A header has been read. Returns whether it is a copy.
  bool Add(const KernelLine& line);
  // Another line of the kernel has been read.
  void Pass(int64_t micros);
  // The next header like this one is not a copy.
  void Forget(Header header);

 private:
  static constexpr size_t kMaxHeaders = 16 << 10;  // later ones are not remembered

  std::unordered_set<Header> headers_;
  int64_t last_ = 0;  // the time of the last line
  int64_t latest_ = 0;
};

}  // namespace lk::detect
