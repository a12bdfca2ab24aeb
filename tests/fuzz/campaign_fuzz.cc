// SPDX-License-Identifier: Apache-2.0
// Fuzzes the parser with an untrusted campaign file and an override. Every error must have a message, and an accepted
// file must have scenarios and profiles. The first line of the input is the override.
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "agent/scenarios/descriptors.h"
#include "server/campaign/spec.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t line = input.find('\n');
  std::vector<std::string> overrides;
  if (line != 0 && line != std::string_view::npos) overrides.emplace_back(input.substr(0, line));
  const std::string_view yaml = line == std::string_view::npos ? input : input.substr(line + 1);
  const lk::campaign::SpecResult result = lk::campaign::ParseSpec(yaml, overrides, lk::Descriptors());
  for (const lk::campaign::SpecError& error : result.errors) {
    if (error.message.empty()) std::abort();
  }
  if (result.ok() && (result.spec.scenarios.empty() || result.spec.profiles.empty())) std::abort();
  return 0;
}
