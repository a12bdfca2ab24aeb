// SPDX-License-Identifier: Apache-2.0
// Fuzzes the engine with arbitrary console output. Findings must not depend on how the bytes are split or on the
// prefilter, excerpts and lists must be bounded, and nothing may crash. The first byte of the input selects the split.
#include "tests/fuzz/search.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using lk::detect::Search;
  if (size == 0) return 0;
  const std::string_view log(reinterpret_cast<const char*>(data), size);
  lk::detect::Options options{.invariants = {{"lock", "trylock"}}, .announced_boots = 1};
  const std::string whole = Search(log, size, options);
  if (whole != Search(log, 1 + data[0] % 64, options)) std::abort();
  options.prefilter = false;
  if (whole != Search(log, size, options)) std::abort();
  return 0;
}
