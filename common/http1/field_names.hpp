// field_names.hpp: a few names of fields, in lower case; most messages have none. Pure.
#pragma once

#include <string>
#include <string_view>

#include "common/http1/field_text.hpp"

namespace tandem {

// In one text, each name with a mark behind it that no name has: few names need no memory.
class FieldNames {
 public:
  bool empty() const { return text_.empty(); }
  void add(std::string_view name) {
    if (contains(name)) return;
    text_.append(name);
    text_.push_back(mark);
  }
  void add(const FieldNames& others) {
    if (others.empty()) return;
    for (auto rest = std::string_view(others.text_); !rest.empty();) {
      const auto end = rest.find(mark);
      add(rest.substr(0, end));
      rest.remove_prefix(end + 1);
    }
  }
  // In any case.
  bool contains(std::string_view name) const {
    for (auto rest = std::string_view(text_); !rest.empty();) {
      const auto end = rest.find(mark);
      if (equal_ignoring_case(rest.substr(0, end), name)) return true;
      rest.remove_prefix(end + 1);
    }
    return false;
  }
  void clear() { text_.clear(); }

 private:
  static constexpr char mark = '\n';
  std::string text_;
};

}  // namespace tandem
