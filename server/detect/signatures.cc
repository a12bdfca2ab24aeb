// SPDX-License-Identifier: Apache-2.0
#include "server/detect/signatures.h"

#include <re2/re2.h>

#include <array>
#include <charconv>
#include <memory>
#include <utility>
#include <vector>

namespace lk::detect {
namespace {

class Compiled {
 public:
  explicit Compiled(const Signature& signature)
      : signature_(signature),
        pattern_(Piece(signature.pattern), RE2::Latin1),
        unless_(signature.unless.empty() ? nullptr : std::make_unique<RE2>(Piece(signature.unless), RE2::Latin1)) {
    for (const auto& [name, index] : pattern_.NamedCapturingGroups()) groups_.emplace_back(name, index);
  }

  std::optional<Match> Try(std::string_view text) const {
    if (text.find(signature_.literal) == std::string_view::npos) return std::nullopt;
    std::array<re2::StringPiece, kMaxGroups> values;
    if (!pattern_.Match(Piece(text), 0, text.size(), RE2::ANCHOR_START, values.data(),
                        1 + pattern_.NumberOfCapturingGroups())) {
      return std::nullopt;
    }
    if (unless_ && RE2::PartialMatch(Piece(text), *unless_)) return std::nullopt;
    Match match{.signature = &signature_};
    for (const auto& [name, index] : groups_) {
      const std::string_view value(values[index].data(), values[index].size());
      const auto number = [&](auto& out) { std::from_chars(value.data(), value.data() + value.size(), out); };
      if (name == "cpu") number(match.cpu);
      if (name == "pid") number(match.pid);
      if (name == "secs") number(match.seconds);
      if (name == "task") match.task = value;
      if (name == "text") match.text = value;
      if (name == "func") match.function = value;
    }
    return match;
  }

 private:
  static constexpr size_t kMaxGroups = 8;
  static re2::StringPiece Piece(std::string_view text) { return {text.data(), text.size()}; }

  const Signature& signature_;
  RE2 pattern_;
  std::unique_ptr<RE2> unless_;
  std::vector<std::pair<std::string, int>> groups_;
};

}  // namespace

std::optional<Match> MatchSignature(std::string_view text, const Rows& candidates) {
  static const auto* const compiled = [] {
    auto* rows = new std::vector<std::unique_ptr<Compiled>>;
    for (const Signature& signature : Signatures()) rows->push_back(std::make_unique<Compiled>(signature));
    return rows;
  }();
  for (size_t i = 0; i < compiled->size(); ++i) {
    if (!candidates.test(i)) continue;
    if (auto match = (*compiled)[i]->Try(text)) return match;
  }
  return std::nullopt;
}

}  // namespace lk::detect
