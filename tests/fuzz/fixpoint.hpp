// fixpoint.hpp: a property of every document on the wire: if we accept a document and write it, we
// accept the result, and writing that again changes nothing.
#pragma once

#include <string>
#include <string_view>

#include "common/base/assert.hpp"

namespace tandem::fuzz {

// `parse` takes text and returns a Result, `write` gives the text of its value.
template <class Parse, class Write>
void must_be_a_fixpoint(std::string_view text, Parse parse, Write write) {
  const auto first = parse(text);
  if (!first.ok()) {
    TANDEM_ASSERT(!first.error().message.empty());
    return;
  }
  const std::string written = write(*first);
  const auto second = parse(written);
  TANDEM_ASSERT(second.ok());
  TANDEM_ASSERT(write(*second) == written);
}

// to_json() of the value is found by its type.
template <class Parse>
void must_be_a_fixpoint(std::string_view text, Parse parse) {
  must_be_a_fixpoint(text, parse, [](const auto& value) { return to_json(value); });
}

}  // namespace tandem::fuzz
