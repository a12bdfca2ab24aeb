// SPDX-License-Identifier: Apache-2.0
// How domain values are stored in the database.
#pragma once

#include <absl/time/time.h>
#include <soci/soci.h>

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "server/campaign/types.h"

namespace lk::store {

// Thrown if a stored value cannot be decoded. Never leaves the store, which converts it to DATA_LOSS.
struct Damaged : std::runtime_error {
  using std::runtime_error::runtime_error;
};

template <typename T>
T Sound(StatusOr<T> value) {
  if (!value.ok()) throw Damaged(std::string(value.status().message()));
  return *std::move(value);
}

// Not every database can hold arbitrary bytes in text columns.
std::string ToBase64(std::string_view bytes);
std::string FromBase64(const std::string& text);

// The name of the probe is not included, since it has its own column.
std::string EncodeHistogram(const Histogram& histogram);
Histogram DecodeHistogram(const std::string& body);

// JSON of the fields that have no column. A missing key gives the default value, so that fields can be added without a
// migration.
std::string EncodeBody(const campaign::Campaign& campaign);
std::string EncodeBody(const campaign::Run& run);
std::string EncodeBody(const campaign::Finding& finding);
std::string EncodeBody(const campaign::KernelBuild& kernel);
std::string EncodeBody(const campaign::Host& host);
void DecodeBody(const std::string& body, campaign::Campaign& campaign);
void DecodeBody(const std::string& body, campaign::Run& run);
void DecodeBody(const std::string& body, campaign::Finding& finding);
void DecodeBody(const std::string& body, campaign::KernelBuild& kernel);
void DecodeBody(const std::string& body, campaign::Host& host);

// The columns of campaigns and of runs, except the id.
const std::vector<std::string>& CampaignColumns();
const std::vector<std::string>& RunColumns();

// A key that sorts run ids by campaign, then by their numbers: each number after the last '-' is padded to nine digits.
std::string Position(std::string_view run_id);

}  // namespace lk::store

namespace soci {

// Microseconds since 1970; NULL for InfinitePast.
template <>
struct type_conversion<absl::Time> {
  using base_type = long long;
  static void from_base(long long micros, indicator ind, absl::Time& time) {
    time = ind == i_null ? absl::InfinitePast() : absl::FromUnixMicros(micros);
  }
  static void to_base(const absl::Time& time, long long& micros, indicator& ind) {
    ind = time == absl::InfinitePast() ? i_null : i_ok;
    micros = ind == i_null ? 0 : absl::ToUnixMicros(time);
  }
};

// Columns of campaigns and runs, by name.
template <>
struct type_conversion<lk::campaign::Campaign> {
  using base_type = values;
  static void from_base(const values& row, indicator, lk::campaign::Campaign& campaign);
  static void to_base(const lk::campaign::Campaign& campaign, values& row, indicator& ind);
};
template <>
struct type_conversion<lk::campaign::Run> {
  using base_type = values;
  static void from_base(const values& row, indicator, lk::campaign::Run& run);
  static void to_base(const lk::campaign::Run& run, values& row, indicator& ind);
};

}  // namespace soci
