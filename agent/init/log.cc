// SPDX-License-Identifier: Apache-2.0
#include "agent/init/log.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>

#include "support/unique_fd.h"

namespace lk::agent {

bool WriteKmsg(std::string_view record) {
  const UniqueFd fd(open("/dev/kmsg", O_WRONLY | O_CLOEXEC));
  // One write(2) is one record (Documentation/ABI/testing/dev-kmsg).
  return fd && write(fd.get(), record.data(), record.size()) == static_cast<ssize_t>(record.size());
}

void LogLine(Level level, std::string_view text) {
  if (getpid() == 1 && WriteKmsg(fmt::format("<{}>lk-agent: {}\n", static_cast<int>(level), text))) return;
  fmt::print(stderr, "lk-agent: {}\n", text);
}

}  // namespace lk::agent
