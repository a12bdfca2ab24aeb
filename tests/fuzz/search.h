// SPDX-License-Identifier: Apache-2.0
// What the fuzzers of the engine have in common.
#pragma once

#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

#include "server/detect/engine.h"

namespace lk::detect {

inline void Check(const Finding& f, size_t log_size) {
  const bool offsets = f.start_offset < f.end_offset && f.end_offset <= log_size;
  const bool texts = f.excerpt.size() <= 16 * 1024 && !f.title.empty() && f.title.size() <= 120;
  if (!offsets || !texts || f.others.size() > Finding::kMaxOthers || f.frames.size() > 64) std::abort();
}

// Everything that the engine reports, in order, when the log is fed in pieces of this size.
inline std::string Search(std::string_view log, size_t piece, const Options& options) {
  std::string said;
  const auto say = [&](const Finding& f) {
    // UTF-16 may become longer.
    Check(f, options.containers ? log.size() * 3 / 2 : log.size());
    said += std::string(ToString(f.kind)) + " " + std::to_string(f.start_offset) + " " + std::to_string(f.end_offset) +
            (f.open ? " open " : " ") + f.title + "\n" + f.excerpt;
  };
  Callbacks callbacks;
  callbacks.on_header = say;
  callbacks.on_finding = say;
  callbacks.on_canary = [&](std::string_view nonce) { said += "canary " + std::string(nonce) + "\n"; };
  Engine engine(options, std::move(callbacks));
  for (size_t at = 0; at < log.size(); at += piece) engine.Feed(log.substr(at, piece));
  engine.Finish();
  return said + engine.facts().container;
}

}  // namespace lk::detect
