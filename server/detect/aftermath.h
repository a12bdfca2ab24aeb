// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "server/detect/finding.h"

namespace lk::detect {

// Reports that only follow from an earlier one of the same boot: a kernel that has oopsed, or was stuck, goes on in a
// state that other checks do not like. Such a report gets the earlier one's title as an alternate: they share a cause.
class Aftermath {
 public:
  // Every finding of a boot, in the order in which they were complete.
  void Judge(Finding& finding);

 private:
  struct Earlier {
    std::string title;
    std::string task;
    int32_t cpu = -1;

    void Remember(const Finding& finding);
  };
  const Earlier* CauseOf(const Finding& finding) const;

  // The latest of each; the title is empty where there was none.
  Earlier oops_;
  Earlier stall_;   // that names a function
  Earlier atomic_;  // sleep in atomic context
};

}  // namespace lk::detect
