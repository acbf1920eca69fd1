#include "h2_frames.hpp"

#include <nghttp2/nghttp2.h>

#include <stdexcept>

namespace tandem::test::h2 {

namespace {

std::string big_endian(std::uint32_t number, int bytes) {
  std::string text;
  for (int i = bytes - 1; i >= 0; --i) text.push_back(static_cast<char>(number >> (8 * i)));
  return text;
}

std::uint32_t number_at(std::string_view bytes, std::size_t offset, int size) {
  std::uint32_t number = 0;
  for (int i = 0; i < size; ++i) {
    number = number << 8 | static_cast<unsigned char>(bytes.at(offset + i));
  }
  return number;
}

std::string hpack_string(std::string_view text) {
  return hpack_number(text.size(), 7).append(text);
}

}  // namespace

std::uint32_t Frame::number(std::size_t offset) const { return number_at(payload, offset, 4); }

std::string number16(std::uint16_t number) { return big_endian(number, 2); }
std::string number32(std::uint32_t number) { return big_endian(number, 4); }

std::string frame_of_length(std::uint32_t length, std::uint8_t type, std::uint8_t flags,
                            std::int32_t stream, std::string_view payload) {
  std::string text = big_endian(length, 3);
  text.push_back(static_cast<char>(type));
  text.push_back(static_cast<char>(flags));
  return text.append(number32(static_cast<std::uint32_t>(stream))).append(payload);
}

std::string frame(std::uint8_t type, std::uint8_t flags, std::int32_t stream,
                  std::string_view payload) {
  return frame_of_length(static_cast<std::uint32_t>(payload.size()), type, flags, stream, payload);
}

std::string settings(std::initializer_list<std::pair<std::uint16_t, std::uint32_t>> entries) {
  std::string payload;
  for (const auto& [id, value] : entries) payload.append(number16(id)).append(number32(value));
  return frame(settings_type, no_flags, 0, payload);
}

std::string settings_ack() { return frame(settings_type, ack, 0); }

std::string headers(std::int32_t stream, std::string_view block, std::uint8_t flags) {
  return frame(headers_type, flags | end_headers, stream, block);
}

std::string open_headers(std::int32_t stream, std::string_view part, std::uint8_t flags) {
  return frame(headers_type, flags, stream, part);
}

std::string continuation(std::int32_t stream, std::string_view part, std::uint8_t flags) {
  return frame(continuation_type, flags, stream, part);
}

std::string data(std::int32_t stream, std::string_view content, std::uint8_t flags) {
  return frame(data_type, flags, stream, content);
}

std::string priority_fields(std::uint32_t dependency, unsigned weight) {
  return number32(dependency) + static_cast<char>(weight - 1);
}

std::string priority(std::int32_t stream, std::uint32_t dependency, unsigned weight) {
  return frame(priority_type, no_flags, stream, priority_fields(dependency, weight));
}

std::string rst_stream(std::int32_t stream, std::uint32_t code) {
  return frame(rst_stream_type, no_flags, stream, number32(code));
}

std::string ping(std::string_view eight_bytes, std::uint8_t flags) {
  return frame(ping_type, flags, 0, eight_bytes);
}

std::string goaway(std::int32_t last, std::uint32_t code) {
  return frame(goaway_type, no_flags, 0,
               number32(static_cast<std::uint32_t>(last)).append(number32(code)));
}

std::string window_update(std::int32_t stream, std::uint32_t increment) {
  return frame(window_update_type, no_flags, stream, number32(increment));
}

std::string hpack_number(std::size_t number, unsigned prefix_bits, std::uint8_t first_bits) {
  const std::size_t prefix_max = (1u << prefix_bits) - 1;
  if (number < prefix_max) return {static_cast<char>(first_bits | number)};
  std::string text{static_cast<char>(first_bits | prefix_max)};
  for (number -= prefix_max; number >= 128; number /= 128) {
    text.push_back(static_cast<char>(number % 128 | 128));
  }
  text.push_back(static_cast<char>(number));
  return text;
}

std::string block(const Fields& fields) {
  std::string text;
  for (const auto& [name, value] : fields) {
    text.push_back(0);
    text.append(hpack_string(name)).append(hpack_string(value));
  }
  return text;
}

std::string indexed_literal(std::string_view name, std::string_view value) {
  return std::string(1, 0x40).append(hpack_string(name)).append(hpack_string(value));
}

std::string never_indexed_literal(std::string_view name, std::string_view value) {
  return std::string(1, 0x10).append(hpack_string(name)).append(hpack_string(value));
}

std::string indexed_literal(unsigned name, std::string_view value) {
  return hpack_number(name, 6, 0x40).append(hpack_string(value));
}

namespace {
Fields request(std::string_view method, const Fields& more) {
  Fields fields{
      {":method", std::string(method)}, {":scheme", "http"}, {":authority", "a"}, {":path", "/"}};
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}
}  // namespace

Fields get(const Fields& more) { return request("GET", more); }
Fields post(const Fields& more) { return request("POST", more); }

Fields get_with(std::string_view pseudo, std::string_view value) {
  auto fields = get();
  for (auto field = fields.begin(); field != fields.end(); ++field) {
    if (field->first != pseudo) continue;
    if (value.empty()) {
      fields.erase(field);
    } else {
      field->second = value;
    }
    return fields;
  }
  fields.emplace_back(pseudo, value);
  return fields;
}

std::vector<Frame> take_frames(std::string& bytes) {
  std::vector<Frame> frames;
  while (bytes.size() >= 9) {
    const auto length = number_at(bytes, 0, 3);
    if (bytes.size() < 9 + length) break;
    frames.push_back({static_cast<std::uint8_t>(bytes[3]), static_cast<std::uint8_t>(bytes[4]),
                      static_cast<std::int32_t>(number_at(bytes, 5, 4) & 0x7fffffff),
                      bytes.substr(9, length)});
    bytes.erase(0, 9 + length);
  }
  return frames;
}

Decoder::Decoder() {
  nghttp2_hd_inflater* inflater = nullptr;
  if (nghttp2_hd_inflate_new(&inflater) != 0) throw std::runtime_error("no inflater");
  inflater_ = inflater;
}

Decoder::~Decoder() { nghttp2_hd_inflate_del(static_cast<nghttp2_hd_inflater*>(inflater_)); }

Fields Decoder::decode(std::string_view block) {
  auto* inflater = static_cast<nghttp2_hd_inflater*>(inflater_);
  Fields fields;
  never_indexed_.clear();
  const auto* at = reinterpret_cast<const std::uint8_t*>(block.data());
  const auto* end = at + block.size();
  for (;;) {
    nghttp2_nv pair;
    int flags = 0;
    const auto n =
        nghttp2_hd_inflate_hd2(inflater, &pair, &flags, at, static_cast<std::size_t>(end - at), 1);
    if (n < 0) throw std::runtime_error("a head that cannot be decoded");
    at += n;
    if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
      fields.emplace_back(std::string(reinterpret_cast<char*>(pair.name), pair.namelen),
                          std::string(reinterpret_cast<char*>(pair.value), pair.valuelen));
      if ((pair.flags & NGHTTP2_NV_FLAG_NO_INDEX) != 0) {
        never_indexed_.push_back(fields.back().first);
      }
    }
    if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) break;
    if (at == end && n == 0) break;
  }
  nghttp2_hd_inflate_end_headers(inflater);
  return fields;
}

}  // namespace tandem::test::h2
