#include "master/discovery/jute.hpp"

namespace tandem::master {

namespace {

void append_number(std::string& out, std::uint64_t value, std::size_t bytes) {
  for (auto shift = bytes * 8; shift > 0;) {
    shift -= 8;
    out += static_cast<char>((value >> shift) & 0xff);
  }
}

}  // namespace

JuteWriter& JuteWriter::number(std::int32_t value) {
  append_number(bytes_, static_cast<std::uint32_t>(value), sizeof value);
  return *this;
}

JuteWriter& JuteWriter::long_number(std::int64_t value) {
  append_number(bytes_, static_cast<std::uint64_t>(value), sizeof value);
  return *this;
}

JuteWriter& JuteWriter::boolean(bool value) {
  bytes_ += value ? '\1' : '\0';
  return *this;
}

JuteWriter& JuteWriter::text(std::string_view value) {
  number(static_cast<std::int32_t>(value.size()));
  bytes_ += value;
  return *this;
}

std::string JuteWriter::frame() const {
  std::string out;
  append_number(out, bytes_.size(), sizeof(std::int32_t));
  return out + bytes_;
}

std::optional<std::uint64_t> JuteReader::unsigned_number(std::size_t bytes) {
  if (rest_.size() < bytes) {
    rest_ = {};
    return std::nullopt;
  }
  std::uint64_t value = 0;
  for (const unsigned char c : rest_.substr(0, bytes)) value = value << 8 | c;
  rest_.remove_prefix(bytes);
  return value;
}

std::optional<std::int32_t> JuteReader::number() {
  const auto value = unsigned_number(sizeof(std::int32_t));
  if (!value) return std::nullopt;
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(*value));
}

std::optional<std::int64_t> JuteReader::long_number() {
  const auto value = unsigned_number(sizeof(std::int64_t));
  if (!value) return std::nullopt;
  return static_cast<std::int64_t>(*value);
}

std::optional<std::string_view> JuteReader::text() {
  const auto length = number();
  const bool is_there =
      length && *length >= -1 && (*length == -1 || rest_.size() >= static_cast<unsigned>(*length));
  if (!is_there) {
    rest_ = {};
    return std::nullopt;
  }
  const auto value = rest_.substr(0, *length == -1 ? 0 : static_cast<unsigned>(*length));
  rest_.remove_prefix(value.size());
  return value;
}

}  // namespace tandem::master
