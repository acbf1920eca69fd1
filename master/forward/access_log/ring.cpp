#include "master/forward/access_log/ring.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "common/base/assert.hpp"

namespace tandem::master {

namespace {
constexpr std::size_t texts = 12;
constexpr std::size_t alignment = 8;
}  // namespace

// The texts follow it without gaps.
struct AccessRing::Record {
  std::uint32_t
      size;  // with its texts, a multiple of the alignment; 0: go on at the front of the block
  std::uint16_t status;
  std::uint16_t attempts;
  Instant started;
  Duration duration;
  std::uint64_t bytes;
  std::uint64_t term;
  Duration first_byte;
  std::uint64_t request_bytes;
  std::uint32_t target_bytes;
  std::uint16_t version;
  std::array<std::uint16_t, texts> lengths;
};

AccessRing::AccessRing(std::size_t bytes) : bytes_(bytes), block_(new std::byte[bytes]) {
  static_assert(sizeof(Record) % alignof(Record) == 0 && alignof(Record) == alignment);
  TANDEM_ASSERT(std::has_single_bit(bytes));
  TANDEM_ASSERT(bytes >= 4096);
}

namespace {
std::string_view cut(std::string_view text) {
  return text.substr(0, limits::access_log_text_bytes_max);
}
}  // namespace

bool AccessRing::push(const AccessEntry& entry) {
  const std::array<std::string_view, texts> parts{
      entry.client,
      entry.method.substr(0, limits::access_log_method_bytes_max),
      entry.target.substr(0, limits::access_log_target_bytes_max),
      entry.worker,
      entry.service,
      entry.request_id,
      cut(entry.host),
      cut(entry.user_agent),
      cut(entry.referer),
      entry.tls,
      cut(entry.route),
      entry.trace_id};
  Record record{.size = 0,
                .status = static_cast<std::uint16_t>(entry.status),
                .attempts = static_cast<std::uint16_t>(entry.attempts),
                .started = entry.started,
                .duration = entry.duration,
                .bytes = entry.bytes,
                .term = entry.term.value(),
                .first_byte = entry.first_byte,
                .request_bytes = entry.request_bytes,
                .target_bytes = static_cast<std::uint32_t>(entry.target.size()),
                .version = static_cast<std::uint16_t>(entry.version),
                .lengths = {}};
  std::size_t size = sizeof record;
  for (std::size_t part = 0; part < texts; ++part) {
    record.lengths[part] = static_cast<std::uint16_t>(parts[part].size());
    size += parts[part].size();
  }
  size = (size + alignment - 1) / alignment * alignment;
  record.size = static_cast<std::uint32_t>(size);

  auto tail = tail_.load(std::memory_order_relaxed);
  const auto left = bytes_ - tail % bytes_;  // up to the end of the block; a record is never parted
  const auto needed = size <= left ? size : left + size;
  if (bytes_ - (tail - known_head_) < needed) {
    known_head_ = head_.load(std::memory_order_acquire);
    if (bytes_ - (tail - known_head_) < needed) {
      dropped_.store(dropped_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
      return false;
    }
  }
  if (size > left) {
    const std::uint32_t go_on_in_front = 0;
    std::memcpy(block_.get() + tail % bytes_, &go_on_in_front, sizeof go_on_in_front);
    tail += left;
  }
  auto* place = reinterpret_cast<char*>(block_.get() + tail % bytes_);
  std::memcpy(place, &record, sizeof record);
  place += sizeof record;
  for (const auto& part : parts) place += part.copy(place, part.size());
  tail_.store(tail + size, std::memory_order_release);
  return true;
}

bool AccessRing::pop(AccessEntry& entry) {
  head_.store(next_head_, std::memory_order_release);
  auto head = next_head_;
  const auto tail = tail_.load(std::memory_order_acquire);
  TANDEM_ASSERT(head <= tail);
  if (head == tail) return false;
  Record record;
  std::memcpy(&record.size, block_.get() + head % bytes_, sizeof record.size);
  if (record.size == 0) head += bytes_ - head % bytes_;
  const auto* place = reinterpret_cast<const char*>(block_.get() + head % bytes_);
  std::memcpy(&record, place, sizeof record);
  place += sizeof record;
  std::array<std::string_view, texts> parts;
  for (std::size_t part = 0; part < texts; ++part) {
    parts[part] = {place, record.lengths[part]};
    place += record.lengths[part];
  }
  entry = {.started = record.started,
           .duration = record.duration,
           .bytes = record.bytes,
           .term = Term(record.term),
           .target_bytes = record.target_bytes,
           .status = record.status,
           .attempts = record.attempts,
           .version = record.version,
           .client = parts[0],
           .method = parts[1],
           .target = parts[2],
           .worker = parts[3],
           .service = parts[4],
           .request_id = parts[5],
           .first_byte = record.first_byte,
           .request_bytes = record.request_bytes,
           .host = parts[6],
           .user_agent = parts[7],
           .referer = parts[8],
           .tls = parts[9],
           .route = parts[10],
           .trace_id = parts[11]};
  next_head_ = head + record.size;
  return true;
}

}  // namespace tandem::master
