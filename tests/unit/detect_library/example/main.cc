// SPDX-License-Identifier: Apache-2.0
// Prints the findings in the log on standard input, one per cause.
#include <iostream>
#include <iterator>
#include <utility>
#include <vector>

#include "server/detect/engine.h"
#include "server/detect/fold.h"

int main() {
  std::vector<lk::detect::Finding> findings;
  lk::detect::Callbacks callbacks;
  callbacks.on_finding = [&](lk::detect::Finding finding) { findings.push_back(std::move(finding)); };
  lk::detect::Engine engine({.invariants = {}, .containers = true}, std::move(callbacks));
  for (std::string line; std::getline(std::cin, line);) engine.Feed(line + "\n");
  engine.Finish();

  std::cout << "container: " << engine.facts().container << '\n';
  for (const lk::detect::Finding& finding : lk::detect::Fold(std::move(findings))) {
    std::cout << lk::detect::ToString(finding.kind) << ": " << finding.title << '\n';
    for (const lk::detect::Frame& frame : finding.frames) std::cout << "  " << frame.function << '\n';
  }
}
