// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "server/detect/finding.h"

namespace lk::detect {

// Recognises reports that are only a consequence of an earlier report from the same boot: once a kernel has oopsed or
// been stuck, it may be in a state that triggers other checks. Such a report gets the title of the earlier one as an
// alternate title, since both have the same cause.
class Aftermath {
 public:
  // Must be called for every finding from a boot, in the order in which they are completed.
  // `micros` is the time of its header since boot, 0 if not known.
  void Judge(Finding& finding, int64_t micros);

 private:
  struct Earlier {
    std::string title;
    std::string task;
    int32_t cpu = -1;

    int64_t micros = 0;
    bool memory_error = false;

    void Remember(const Finding& finding, int64_t when);
  };
  const Earlier* CauseOf(const Finding& finding, int64_t micros) const;

  // The latest finding of each of these kinds that is not itself a consequence; the title is empty if there is none.
  Earlier oops_;
  Earlier stall_;   // only stalls whose function is known
  Earlier atomic_;  // sleep in atomic context
  Earlier call_;    // anything that a task has reported of its own call
};

}  // namespace lk::detect
