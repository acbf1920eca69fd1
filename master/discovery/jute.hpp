// jute.hpp: the encoding of ZooKeeper's messages: numbers in network order, texts and lists with
// their length before them. What is read is what a server says, and not believed. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tandem::master {

class JuteWriter {
 public:
  JuteWriter& number(std::int32_t value);
  JuteWriter& long_number(std::int64_t value);
  JuteWriter& boolean(bool value);
  JuteWriter& text(std::string_view value);
  // With its length before it, as it is sent.
  std::string frame() const;

 private:
  std::string bytes_;
};

// Reads past the end yield nothing, and so do all later ones.
class JuteReader {
 public:
  explicit JuteReader(std::string_view bytes) : rest_(bytes) {}

  std::optional<std::int32_t> number();
  std::optional<std::int64_t> long_number();
  // A view into what is read; one without a value, of length -1, is empty.
  std::optional<std::string_view> text();
  std::size_t left() const { return rest_.size(); }

 private:
  std::optional<std::uint64_t> unsigned_number(std::size_t bytes);

  std::string_view rest_;
};

}  // namespace tandem::master
