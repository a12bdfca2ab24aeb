// SPDX-License-Identifier: Apache-2.0
#include "support/histogram_proto.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace lk {

StatusOr<Histogram> HistogramFromProto(const v1::Histogram& proto) {
  if (proto.index_delta_size() != proto.count_size()) {
    return absl::InvalidArgumentError("histogram: index_delta and count differ in length");
  }
  Histogram::Buckets buckets{};
  size_t index = 0;
  for (int i = 0; i < proto.count_size(); ++i) {
    index += proto.index_delta(i);
    if (index >= buckets.size() || (i > 0 && proto.index_delta(i) == 0)) {
      return absl::InvalidArgumentError("histogram: bucket indices not ascending or out of range");
    }
    buckets[index] = proto.count(i);
  }
  return Histogram(buckets, proto.sum_ns(), proto.min_ns(), proto.max_ns());
}

v1::Histogram ToProto(const Histogram& histogram, const std::string& probe) {
  v1::Histogram proto;
  proto.set_probe(probe);
  const Histogram::Buckets& buckets = histogram.buckets();
  size_t last = 0;
  for (size_t i = 0; i < buckets.size(); ++i) {
    if (buckets[i] == 0) continue;
    proto.add_index_delta(static_cast<uint32_t>(i - last));
    proto.add_count(buckets[i]);
    last = i;
  }
  proto.set_sum_ns(histogram.sum_ns());
  proto.set_min_ns(histogram.min_ns());
  proto.set_max_ns(histogram.max_ns());
  return proto;
}

v1::LatencySummary Summary(const Histogram& histogram, const std::string& probe) {
  const auto seconds = [](uint64_t ns) { return static_cast<double>(ns) / 1e9; };
  v1::LatencySummary summary;
  summary.set_probe(probe);
  summary.set_count(static_cast<uint32_t>(std::min<uint64_t>(histogram.count(), UINT32_MAX)));
  summary.set_p50_seconds(seconds(histogram.Quantile(0.5)));
  summary.set_p90_seconds(seconds(histogram.Quantile(0.9)));
  summary.set_p99_seconds(seconds(histogram.Quantile(0.99)));
  summary.set_max_seconds(seconds(histogram.max_ns()));
  if (histogram.count() > 0) {
    summary.set_mean_seconds(seconds(histogram.sum_ns()) / static_cast<double>(histogram.count()));
  }
  return summary;
}

}  // namespace lk
