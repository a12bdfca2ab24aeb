// SPDX-License-Identifier: Apache-2.0
#include "cli/output/text.h"

#include <fmt/format.h>
#include <locale.h>
#include <wchar.h>

#include <algorithm>
#include <cstdint>

namespace lk::cli {
namespace {

int Width(uint32_t c) {
  if (c < 0x80) return 1;
  static const locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  const locale_t before = uselocale(utf8);
  const int width = wcwidth(static_cast<wchar_t>(c));
  uselocale(before);
  return std::max(width, 0);
}

}  // namespace

size_t DisplayWidth(std::string_view text) {
  size_t width = 0;
  while (!text.empty()) {
    const CodePoint c = DecodeUtf8(text);
    width += c.bytes == 0 ? 1 : static_cast<size_t>(Width(c.value));
    text.remove_prefix(std::max<size_t>(c.bytes, 1));
  }
  return width;
}

std::string Shorten(std::string_view text, size_t width) {
  if (DisplayWidth(text) <= width) return std::string(text);
  const size_t room = width > 3 ? width - 3 : 0;
  size_t end = 0;
  for (size_t used = 0; end < text.size();) {
    const CodePoint c = DecodeUtf8(text.substr(end));
    used += c.bytes == 0 ? 1 : static_cast<size_t>(Width(c.value));
    if (used > room) break;
    end += std::max<size_t>(c.bytes, 1);
  }
  return std::string(text.substr(0, end)) + std::string("...").substr(0, width - std::min(width, room));
}

std::string Paint(std::string_view text, Color color, bool enabled) {
  // ECMA-48 SGR parameters, indexed by Color.
  static constexpr const char* kSgr[] = {"", "32", "31", "33", "35", "2", "1"};
  if (!enabled || color == Color::kNone) return std::string(text);
  return fmt::format("\x1b[{}m{}\x1b[0m", kSgr[static_cast<size_t>(color)], text);
}

Color ColorOf(std::string_view word) {
  static constexpr struct {
    std::string_view word;
    Color color;
  } kColors[] = {{"pass", Color::kGreen},    {"fail", Color::kRed},        {"error", Color::kMagenta},
                 {"miss", Color::kMagenta},  {"unproven", Color::kYellow}, {"skip", Color::kDim},
                 {"up", Color::kGreen},      {"down", Color::kRed},        {"drained", Color::kYellow},
                 {"cancelled", Color::kDim}, {"queued", Color::kDim},      {"killed", Color::kGreen},
                 {"survived", Color::kRed},  {"undecided", Color::kYellow}};
  const auto* found =
      std::find_if(std::begin(kColors), std::end(kColors), [&](const auto& c) { return c.word == word; });
  return found == std::end(kColors) ? Color::kNone : found->color;
}

}  // namespace lk::cli
