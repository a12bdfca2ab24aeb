// SPDX-License-Identifier: Apache-2.0
#include "agent/scenarios/unaccepted_memory/acceptance.h"

#include <cstddef>

namespace lk::agent::unaccepted_memory {

double AcceptanceRate(const std::vector<Sample>& samples) {
  const Sample* first = nullptr;
  const Sample* last = nullptr;
  for (size_t i = 1; i < samples.size(); ++i) {
    if (samples[i].unaccepted >= samples[i - 1].unaccepted) continue;
    if (first == nullptr) first = &samples[i];
    last = &samples[i];
  }
  if (first == last || first->unaccepted < last->unaccepted) return 0;
  return static_cast<double>(first->unaccepted - last->unaccepted) * 1e9 / static_cast<double>(last->ns - first->ns);
}

}  // namespace lk::agent::unaccepted_memory
