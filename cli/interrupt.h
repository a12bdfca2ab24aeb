// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <csignal>

namespace lk::cli {

// While an instance exists, the first SIGINT or SIGTERM sets a flag, and a second one terminates the process. Only one
// instance may exist at a time.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  bool raised() const;
  // Becomes readable with the signal, for poll(2).
  int descriptor() const;

 private:
  struct sigaction old_int_ {};
  struct sigaction old_term_ {};
};

}  // namespace lk::cli
