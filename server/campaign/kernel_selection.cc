// SPDX-License-Identifier: Apache-2.0
#include "server/campaign/kernel_selection.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <cctype>
#include <set>

namespace lk::campaign {
namespace {

constexpr size_t kMaxNamed = 10;

// Removes and returns the next sequence of digits, or of other characters.
std::string_view NextPart(std::string_view& rest) {
  const auto digit = [](char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; };
  const bool number = digit(rest.front());
  const auto end = std::ranges::find_if(rest, [&](char c) { return digit(c) != number; });
  const std::string_view part = rest.substr(0, static_cast<size_t>(end - rest.begin()));
  rest.remove_prefix(part.size());
  return part;
}

// Negative, zero or positive, like strcmp().
int Compare(std::string_view a, std::string_view b) {
  while (!a.empty() && !b.empty()) {
    std::string_view x = NextPart(a);
    std::string_view y = NextPart(b);
    if (std::isdigit(static_cast<unsigned char>(x.front())) && std::isdigit(static_cast<unsigned char>(y.front()))) {
      x.remove_prefix(std::min(x.find_first_not_of('0'), x.size()));
      y.remove_prefix(std::min(y.find_first_not_of('0'), y.size()));
      if (x.size() != y.size()) return x.size() < y.size() ? -1 : 1;
    }
    if (const int order = x.compare(y); order != 0) return order;
  }
  if (a.empty() && b.empty()) return 0;
  // The longer one is newer, except that a release candidate comes before its release.
  const int longer = a.empty() ? -1 : 1;
  return (a.empty() ? b : a).starts_with("-rc") ? -longer : longer;
}

bool Selects(const KernelSelector& selector, const KernelBuild& kernel) {
  if (!selector.exact.empty()) return kernel.id == selector.exact || kernel.release == selector.exact;
  if (!selector.match.empty()) return fnmatch(selector.match.c_str(), kernel.release.c_str(), 0) == 0;
  const auto label = kernel.labels.find(selector.label_key);
  return label != kernel.labels.end() && label->second == selector.label_value;
}

std::string DescribeSelector(const KernelSelector& selector) {
  if (!selector.exact.empty()) return fmt::format("\"{}\"", selector.exact);
  if (!selector.match.empty()) return fmt::format("release pattern \"{}\"", selector.match);
  return fmt::format("label {}={}", selector.label_key, selector.label_value);
}

std::string Names(const std::vector<KernelBuild>& kernels, std::string KernelBuild::*name) {
  if (kernels.empty()) return "none (add one with lkctl kernel add)";
  std::string names;
  for (size_t i = 0; i < kernels.size() && i < kMaxNamed; ++i) names += (i == 0 ? "" : ", ") + kernels[i].*name;
  return kernels.size() > kMaxNamed ? names + ", ..." : names;
}

}  // namespace

bool ReleaseLess(std::string_view a, std::string_view b) {
  return Compare(a, b) < 0;
}

KernelResolution ResolveKernels(const CampaignSpec& spec, const std::vector<KernelBuild>& known) {
  KernelResolution resolution;
  std::set<std::string> taken;
  for (size_t i = 0; i < spec.kernels.size(); ++i) {
    const KernelSelector& selector = spec.kernels[i];
    const auto mistake = [&](std::string message) {
      resolution.errors.push_back(
          {selector.line, selector.column, fmt::format("spec.kernels[{}]", i), std::move(message)});
    };
    std::vector<KernelBuild> found;
    std::ranges::copy_if(known, std::back_inserter(found),
                         [&](const auto& kernel) { return Selects(selector, kernel); });
    // Newest release first; builds of the same release by time added, also newest first.
    std::ranges::stable_sort(found, [](const KernelBuild& a, const KernelBuild& b) {
      const int order = Compare(a.release, b.release);
      return order != 0 ? order > 0 : a.added > b.added;
    });
    if (found.empty()) {
      mistake(fmt::format("no kernel matches {}; known kernels: {}", DescribeSelector(selector),
                          Names(known, &KernelBuild::release)));
    } else if (!selector.exact.empty() && found.size() > 1) {
      mistake(fmt::format("ambiguous: {} builds match \"{}\"; specify one by its id: {}", found.size(), selector.exact,
                          Names(found, &KernelBuild::id)));
      continue;
    }
    if (selector.newest > 0 && found.size() > selector.newest) found.resize(selector.newest);
    for (KernelBuild& kernel : found) {
      if (taken.insert(kernel.id).second) resolution.kernels.push_back(std::move(kernel));
    }
  }
  return resolution;
}

}  // namespace lk::campaign
