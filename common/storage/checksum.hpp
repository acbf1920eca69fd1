// checksum.hpp: the checksum of a row, which detects bits that flipped on the disk: SQLite checks
// the structure of its pages, not their content.
//
// FNV-1a with 64 bits (RFC 9923): a single changed byte always changes it. No protection against
// malice.
#pragma once

#include <cstdint>
#include <string_view>

namespace tandem::storage {

class Checksum {
 public:
  Checksum& add(std::uint64_t number) {
    for (int shift = 0; shift < 64; shift += 8)
      add_byte(static_cast<unsigned char>(number >> shift));
    return *this;
  }
  // Adds the length too, so that moving a byte from one text to the next changes the checksum.
  Checksum& add(std::string_view bytes) {
    add(std::uint64_t{bytes.size()});
    for (const char byte : bytes) add_byte(static_cast<unsigned char>(byte));
    return *this;
  }
  std::uint64_t value() const { return value_; }

 private:
  void add_byte(unsigned char byte) { value_ = (value_ ^ byte) * 0x100000001b3ULL; }

  std::uint64_t value_ = 0xcbf29ce484222325ULL;
};

}  // namespace tandem::storage
