// SPDX-License-Identifier: Apache-2.0
// Fills structs such that each field differs from its default and, if its type has enough values, from the other
// fields, for tests that check that no field is lost. New fields are filled, too, because Fill iterates over the lists
// of fields (support/fields.h).
#pragma once

#include <fmt/format.h>

#include <limits>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "server/campaign/fields.h"

namespace lk {

class Filler {
 public:
  void Fill(std::string& value) { value = fmt::format("text {}", ++count_); }
  void Fill(bool& value) { value = !value; }
  void Fill(absl::Time& value) { value = absl::FromUnixMicros(++count_); }
  void Fill(Histogram& value) { value.Record(++count_); }
  void Fill(absl::CivilDay& value) { value = absl::CivilDay(2027, 1, 1) + ++count_; }
  // The store keeps only these fields of the parsed campaign file.
  void Fill(campaign::CampaignSpec& spec) {
    Fill(spec.name);
    Fill(spec.labels);
    std::vector<known::Problem> problems;
    Fill(problems);
    spec.known = known::List(std::move(problems));
  }
  template <typename T>
  requires std::is_enum_v<T>
  void Fill(T& value) { value = static_cast<T>(value == static_cast<T>(1) ? 2 : 1); }
  // Values that do not fit into a narrower type, in order to detect conversions to one.
  template <typename T>
  requires std::is_arithmetic_v<T>
  void Fill(T& value) { value = static_cast<T>(std::numeric_limits<T>::max() / 2 + static_cast<T>(++count_)); }
  void Fill(double& value) { value = 0.5 + ++count_; }
  template <typename T>
  void Fill(std::optional<T>& value) {
    Fill(value.emplace());
  }
  template <typename T>
  void Fill(std::vector<T>& values) {
    for (int i = 0; i < 2; ++i) Fill(values.emplace_back());
  }
  template <typename T>
  void Fill(std::map<std::string, T>& values) {
    for (int i = 0; i < 2; ++i) Fill(values[fmt::format("key {}", ++count_)]);
  }
  template <HasFields T>
  void Fill(T& value) {
    ForEachField(value, [this](auto, auto& part) { this->Fill(part); });
  }

 private:
  int count_ = 0;
};

template <HasFields T>
T Filled() {
  T value;
  Filler().Fill(value);
  return value;
}

// The names of the fields in which a and b differ, each preceded by a space; empty if a == b.
template <HasFields T>
std::string Differences(const T& a, const T& b) {
  std::string names;
  ForEachField(a, [&](auto field, const auto& of_a) {
    ForEachField(b, [&](auto other, const auto& of_b) {
      if constexpr (field.name == other.name) {
        if (!(of_a == of_b)) names += fmt::format(" {}", field.name);
      }
    });
  });
  if (names.empty() && !(a == b)) names = " a field that is not listed";
  return names;
}

}  // namespace lk
