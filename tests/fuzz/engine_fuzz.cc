// SPDX-License-Identifier: Apache-2.0
// Fuzzes the engine with arbitrary console output. Findings must not depend on how the bytes are split or on the
// prefilter, excerpts and lists must be bounded, and nothing may crash. The first byte of the input selects the split.
#include <cstdlib>
#include <string>
#include <utility>

#include "server/detect/engine.h"

namespace {

using lk::detect::Finding;

void Check(const Finding& f, size_t log_size) {
  const bool offsets = f.start_offset < f.end_offset && f.end_offset <= log_size;
  const bool texts = f.excerpt.size() <= 16 * 1024 && !f.title.empty() && f.title.size() <= 120;
  if (!offsets || !texts || f.others.size() > Finding::kMaxOthers || f.frames.size() > 64) std::abort();
}

// Everything that the engine reports, in order.
std::string Search(std::string_view log, size_t piece, bool prefilter) {
  std::string said;
  const auto say = [&](const Finding& f) {
    Check(f, log.size());
    said += std::string(ToString(f.kind)) + " " + std::to_string(f.start_offset) + " " + std::to_string(f.end_offset) +
            (f.open ? " open " : " ") + f.title + "\n" + f.excerpt;
  };
  lk::detect::Callbacks callbacks;
  callbacks.on_header = say;
  callbacks.on_finding = say;
  callbacks.on_canary = [&](std::string_view nonce) { said += "canary " + std::string(nonce) + "\n"; };
  lk::detect::Engine engine({.invariants = {{"lock", "trylock"}}, .announced_boots = 1, .prefilter = prefilter},
                            std::move(callbacks));
  for (size_t at = 0; at < log.size(); at += piece) engine.Feed(log.substr(at, piece));
  engine.Finish();
  return said;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view log(reinterpret_cast<const char*>(data), size);
  const std::string whole = Search(log, size, true);
  if (whole != Search(log, 1 + data[0] % 64, true) || whole != Search(log, size, false)) std::abort();
  return 0;
}
