// SPDX-License-Identifier: Apache-2.0
#include "server/detect/title.h"

#include <re2/re2.h>

#include <algorithm>
#include <utility>

namespace lk::detect {

std::string Printable(std::string_view text) {
  std::string result(text);
  MakePrintable(result);
  return result;
}

void MakePrintable(std::string& text) {
  // Written so that compilers vectorise it.
  for (char& c : text) c = (c < ' ' || c > '~') && c != '\n' && c != '\t' ? '?' : c;
}

std::string Normalise(std::string_view text) {
  static const RE2 address(R"(\b0x[0-9a-fA-F]+|\b[0-9a-f]{8,16}\b)", RE2::Latin1);
  static const RE2 number(R"(\b\d+)", RE2::Latin1);
  static const RE2 offset(R"(\+0x[0-9a-f]+/0x[0-9a-f]+)", RE2::Latin1);
  static const RE2 blanks(R"([ \t]{2,})", RE2::Latin1);
  std::string result = Printable(text);
  if (result.empty()) return result;
  RE2::GlobalReplace(&result, offset, "");
  RE2::GlobalReplace(&result, address, "ADDR");
  RE2::GlobalReplace(&result, number, "NUM");
  RE2::GlobalReplace(&result, blanks, " ");
  result.erase(result.find_last_not_of(' ') + 1);
  result.erase(0, result.find_first_not_of(' '));
  return result;
}

std::string_view WithoutSuffix(std::string_view function) {
  constexpr std::string_view kSuffixes[] = {"isra", "constprop", "part", "cold", "llvm", "lto_priv"};
  // Ignore a leading dot, which symbols on ppc64 used to have.
  const size_t dot = function.find('.', 1);
  if (dot == std::string_view::npos) return function;
  const std::string_view rest = function.substr(dot + 1);
  const bool known = std::ranges::any_of(kSuffixes, [&](std::string_view suffix) {
    return rest.starts_with(suffix) && (rest.size() == suffix.size() || rest[suffix.size()] == '.');
  });
  return known ? function.substr(0, dot) : function;
}

std::string PlainFunction(std::string_view function) {
  constexpr std::string_view kSystemCalls[] = {"__x64_",   "__ia32_", "__arm64_", "__s390x_", "__s390_",
                                               "__riscv_", "__se_",   "__do_",    "k",        ""};
  function = WithoutSuffix(function);
  // SyS_read, compat_SyS_read and SYSC_read, before 4.17.
  for (const std::string_view old : {"SyS_", "compat_SyS_", "SYSC_", "C_SYSC_"}) {
    if (function.starts_with(old)) return "sys_" + std::string(function.substr(old.size()));
  }
  for (const std::string_view prefix : kSystemCalls) {
    if (!function.starts_with(prefix)) continue;
    std::string_view call = function.substr(prefix.size());
    if (call.starts_with("compat_")) call.remove_prefix(std::string_view("compat_").size());
    if (call.starts_with("sys_")) return std::string(call);
  }
  return std::string(function);
}

std::string MakeTitle(std::string_view pattern, const TitleParts& parts) {
  const std::pair<std::string_view, std::string_view> replacements[] = {
      {"{f}", parts.function}, {"{text}", parts.text}, {"{access}", parts.access}};
  std::string title;
  while (!pattern.empty()) {
    const auto* const hit =
        std::ranges::find_if(replacements, [&](const auto& entry) { return pattern.starts_with(entry.first); });
    if (hit == std::end(replacements)) {
      title += pattern.front();
      pattern.remove_prefix(1);
    } else {
      title += hit->second;
      pattern.remove_prefix(hit->first.size());
    }
  }
  if (title.size() > kMaxTitle) title.resize(kMaxTitle);
  return title;
}

}  // namespace lk::detect
