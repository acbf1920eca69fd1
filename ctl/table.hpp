// table.hpp: rows of text in aligned columns for a terminal.
#pragma once

#include <string>
#include <vector>

namespace tandem::ctl {

class Table {
 public:
  enum class Align { left, right };
  struct Column {
    std::string title;  // may be empty
    Align align = Align::left;
  };

  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // REQUIRES: as many cells as columns. Control characters are escaped (printable.hpp).
  void add(std::vector<std::string> cells);

  // The titles (unless all are empty) and the rows, columns two spaces apart, no spaces at line
  // ends.
  std::string to_string() const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace tandem::ctl
