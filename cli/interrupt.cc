// SPDX-License-Identifier: Apache-2.0
#include "cli/interrupt.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <utility>

namespace lk::cli {
namespace {

volatile std::sig_atomic_t g_raised = 0;
volatile std::sig_atomic_t g_event = -1;

void Raise(int /*signal*/) {
  const int error = errno;
  g_raised = 1;
  const uint64_t one = 1;
  // Cannot fail: the counter is far from its limit. Without an event (no descriptors left), the flag is enough.
  if (write(g_event, &one, sizeof one) < 0) errno = error;
}

}  // namespace

Interrupt::Interrupt() {
  g_raised = 0;
  g_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  struct sigaction action {};
  action.sa_handler = Raise;
  action.sa_flags = SA_RESTART | static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, &old_int_);
  sigaction(SIGTERM, &action, &old_term_);
}

Interrupt::~Interrupt() {
  sigaction(SIGINT, &old_int_, nullptr);
  sigaction(SIGTERM, &old_term_, nullptr);
  if (g_event >= 0) close(std::exchange(g_event, -1));
}

bool Interrupt::raised() const {
  return g_raised != 0;
}

int Interrupt::descriptor() const {
  return g_event;
}

}  // namespace lk::cli
