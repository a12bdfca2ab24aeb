// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <prometheus/metric_family.h>

#include <vector>

#include "server/store/store.h"

namespace lk::metrics {

// The metrics of runs and kernels.
std::vector<prometheus::MetricFamily> RunFamilies(const store::RunStatistics& statistics);

}  // namespace lk::metrics
