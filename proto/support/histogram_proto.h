// SPDX-License-Identifier: Apache-2.0
// Conversion of histograms to and from the wire format.
#pragma once

#include <string>

#include "lk/v1/latency.pb.h"
#include "support/histogram.h"
#include "support/status.h"

namespace lk {

// Error: INVALID_ARGUMENT if the message is inconsistent or a bucket is out of range.
StatusOr<Histogram> HistogramFromProto(const v1::Histogram& proto);
v1::Histogram ToProto(const Histogram& histogram, const std::string& probe);
v1::LatencySummary Summary(const Histogram& histogram, const std::string& probe);

}  // namespace lk
