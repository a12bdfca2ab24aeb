// SPDX-License-Identifier: Apache-2.0
#include "cli/output/table.h"

#include <algorithm>
#include <ostream>

namespace lk::cli {

Table::Table(const std::vector<std::string>& titles) {
  for (const std::string_view title : titles) {
    const bool right = title.starts_with('>');
    right_.push_back(right);
    titles_.emplace_back(title.substr(right ? 1 : 0), Color::kBold);
  }
}

void Table::Widen(std::vector<size_t>& widths) const {
  const auto widen = [&](const Row& row) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], DisplayWidth(row[i].text));
  };
  widen(titles_);
  std::for_each(rows_.begin(), rows_.end(), widen);
}

void Table::PrintRow(const Row& row, const std::vector<size_t>& widths, std::ostream& out, bool color) const {
  // Print padding only if something follows it, so that no line ends in spaces.
  std::string padding;
  for (size_t i = 0; i < row.size(); ++i) {
    const std::string space(widths[i] - DisplayWidth(row[i].text), ' ');
    if (right_[i]) padding += space;
    if (!row[i].text.empty()) {
      out << padding << Paint(row[i].text, row[i].color, color);
      padding.clear();
    }
    if (!right_[i]) padding += space;
    padding += "  ";
  }
  out << '\n';
}

void Table::Print(std::ostream& out, bool color) const {
  std::vector<size_t> widths(titles_.size());
  Widen(widths);
  PrintRow(titles_, widths, out, color);
  for (const Row& row : rows_) PrintRow(row, widths, out, color);
}

void Table::PrintMore(std::ostream& out, bool color) {
  if (rows_.empty()) return;
  const bool first = printed_widths_.empty();
  printed_widths_.resize(titles_.size());
  Widen(printed_widths_);
  if (first) PrintRow(titles_, printed_widths_, out, color);
  for (const Row& row : rows_) PrintRow(row, printed_widths_, out, color);
  rows_.clear();
}

}  // namespace lk::cli
