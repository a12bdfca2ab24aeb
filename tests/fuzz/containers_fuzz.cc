// SPDX-License-Identifier: Apache-2.0
// Fuzzes the engine with logs in any container. Findings must not depend on how the bytes are split or on the
// prefilter, excerpts and lists must be bounded, and nothing may crash. The first byte of the input selects the split,
// and the second one a container for the rest of the input, or none, so that the rest is read as is. The third
// one decides whether all of that is repeated until not every line is read any more.
#include <vector>

#include "tests/corpus/carriers.h"
#include "tests/fuzz/search.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using lk::detect::Carriers;
  using lk::detect::Search;
  constexpr size_t kSelectors = 3;
  if (size <= kSelectors) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + kSelectors, size - kSelectors);
  const size_t row = data[1] % (Carriers().size() + 1);
  const std::string once = row == 0 ? std::string(rest) : Carry(Carriers()[row - 1], lk::detect::Split(rest));
  constexpr size_t kLong = 300 << 10;
  std::string log = once;
  while (data[2] % 64 == 0 && !once.empty() && log.size() < kLong) log += once;

  lk::detect::Options options{.invariants = {{"lock", "trylock"}}, .containers = true};
  const std::string whole = Search(log, log.size() + 1, options);
  if (whole != Search(log, log.size() > kLong ? 4096 + data[0] : 1 + data[0] % 64, options)) std::abort();
  options.prefilter = false;
  if (whole != Search(log, log.size() + 1, options)) std::abort();
  return 0;
}
