#include "common/storage/wal_check.hpp"

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <string>

#include <fmt/format.h>

namespace tandem::storage {

namespace {

constexpr std::size_t kHeaderBytes = 32;
constexpr std::size_t kFrameHeaderBytes = 24;
constexpr auto kPageBytes = wal_page_bytes;
constexpr std::size_t kFrameBytes = kFrameHeaderBytes + kPageBytes;
constexpr std::uint32_t kLogMagic =
    0x377f0682;  // its last bit: the checksum reads big-endian words

using Sum = std::array<std::uint32_t, 2>;

std::uint32_t big_endian(const char* at) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(at);
  return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 |
         std::uint32_t{bytes[2]} << 8 | std::uint32_t{bytes[3]};
}

std::uint32_t little_endian(const char* at) { return __builtin_bswap32(big_endian(at)); }

struct WalHeader {
  bool sound = false;
  bool big_endian_words = false;
  std::string salts;
  Sum sum{};
};

// SQLite's running checksum over pairs of words.
Sum add(Sum sum, const char* bytes, std::size_t size, bool big) {
  for (std::size_t i = 0; i < size; i += 8) {
    sum[0] += (big ? big_endian(bytes + i) : little_endian(bytes + i)) + sum[1];
    sum[1] += (big ? big_endian(bytes + i + 4) : little_endian(bytes + i + 4)) + sum[0];
  }
  return sum;
}

WalHeader read_header(const char* bytes) {
  WalHeader header;
  header.big_endian_words = (big_endian(bytes) & 1) != 0;
  header.salts.assign(bytes + 16, 8);
  header.sum = {big_endian(bytes + 24), big_endian(bytes + 28)};
  header.sound = (big_endian(bytes) & ~1u) == kLogMagic && big_endian(bytes + 8) == kPageBytes &&
                 add({}, bytes, 24, header.big_endian_words) == header.sum;
  return header;
}

// The content of a frame, if its checksum shows that it was written after a frame with checksum
// `before`.
struct Frame {
  bool sound = false;
  bool commit = false;
  Sum sum{};  // as stored
};

Frame read_frame(const char* bytes, const WalHeader& header, Sum before) {
  Frame frame;
  frame.commit = big_endian(bytes + 4) != 0;
  frame.sum = {big_endian(bytes + 16), big_endian(bytes + 20)};
  const bool big = header.big_endian_words;
  frame.sound =
      std::memcmp(bytes + 8, header.salts.data(), 8) == 0 &&
      add(add(before, bytes, 8, big), bytes + kFrameHeaderBytes, kPageBytes, big) == frame.sum;
  return frame;
}

}  // namespace

Result<> check_wal(const std::filesystem::path& wal) {
  std::ifstream file(wal, std::ios::binary);
  if (!file) {
    if (errno == ENOENT) return {};
    return fail(ErrorCode::io, fmt::format("{}: {}", wal.string(), std::strerror(errno)));
  }
  std::array<char, kHeaderBytes> head{};
  file.read(head.data(), head.size());
  if (file.bad())
    return fail(ErrorCode::io, fmt::format("{}: {}", wal.string(), std::strerror(errno)));
  const bool whole_header = file.gcount() == static_cast<std::streamsize>(head.size());
  const auto header = read_header(head.data());
  std::string bytes(kFrameBytes, '\0');
  const bool has_frames = whole_header && file.peek() != std::ifstream::traits_type::eof();
  // The header was synced before the first frame was written.
  if (has_frames && !header.sound) return invalid("has a damaged write-ahead log (its header)");

  Sum before = header.sum;
  std::uint64_t number = 0;
  std::uint64_t bad = 0;       // the first bad frame; 0: none yet
  unsigned commits_after = 0;  // sound commits behind it
  while (has_frames && file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()))) {
    ++number;
    const Frame frame = read_frame(bytes.data(), header, before);
    before = frame.sum;
    if (!frame.sound) {
      if (bad == 0) bad = number;
      continue;
    }
    if (bad == 0) continue;
    // One commit may follow the bad frame: that of its own transaction, whose frames reach the disk
    // in any order. Any later commit was written after that transaction had been synced.
    if (commits_after > 0) {
      return invalid(fmt::format("has a damaged write-ahead log (frame {})", bad));
    }
    if (frame.commit) ++commits_after;
  }
  if (file.bad())
    return fail(ErrorCode::io, fmt::format("{}: {}", wal.string(), std::strerror(errno)));
  return {};
}

}  // namespace tandem::storage
