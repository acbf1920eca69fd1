// table.hpp: the rows of a table as test cases of their own, so that each is run, named and counted
// alone.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>
#include <fmt/format.h>

namespace tandem::test {

template <class Row>
class RowCase final : public Catch::ITestInvoker {
 public:
  using Check = void (*)(const Row&);

  RowCase(Row row, Check check) : row_(std::move(row)), check_(check) {}
  void invoke() const override { check_(row_); }

 private:
  Row row_;
  Check check_;
};

// Registers a case "`subject`: `row.why`" for each row, which runs check(row). To be called by the
// initializer of a constant at namespace scope; `place` is CATCH_INTERNAL_LINEINFO.
template <class Row>
bool each_row_is_a_case(const char* subject, std::vector<Row> rows,
                        typename RowCase<Row>::Check check, Catch::SourceLineInfo place) {
  for (auto& row : rows) {
    const auto name = fmt::format("{}: {}", subject, row.why);
    auto invoker = std::make_unique<RowCase<Row>>(std::move(row), check);
    Catch::AutoReg(invoker.release(), place, Catch::StringRef(), Catch::NameAndTags(name));
  }
  return true;
}

}  // namespace tandem::test
