#include "master/forward/http/h2/head.hpp"

#include <nghttp2/nghttp2.h>

#include <charconv>

#include "master/forward/http/h2/limits.hpp"
#include "common/http1/trailer_fields.hpp"

namespace tandem::master::h2 {

namespace {

std::string_view text_of(nghttp2_rcbuf* buffer) {
  const auto bytes = nghttp2_rcbuf_get_buf(buffer);
  return {reinterpret_cast<const char*>(bytes.base), bytes.len};
}

// RFC 9113 §6.5.2: what a field counts besides its text.
constexpr std::size_t overhead_of_field = 32;

template <class Number>
std::optional<Number> number_of(std::string_view text) {
  Number number = 0;
  const auto* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  if (parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
  return number;
}

}  // namespace

Head::Verdict Head::take(nghttp2_rcbuf* name_buffer, nghttp2_rcbuf* value_buffer, Indexing indexing,
                         const Limits& limits) {
  const auto name = text_of(name_buffer);
  const auto value = text_of(value_buffer);
  bytes_ += name.size() + value.size() + overhead_of_field;
  ++count_;
  if (bytes_ > limits::h2_hostile_head_bytes || count_ > limits::h2_hostile_head_fields) {
    return Verdict::hostile;
  }
  const bool is_pseudo = name.starts_with(':');
  // Browsers send a field for each cookie (RFC 9113 §8.2.3), and all of them are one.
  if (name == "cookie" && cookie_fields_ > 0) ++further_cookies_;
  if (bytes_ > limits.bytes || count_ - further_cookies_ > limits.fields) {
    refuse(431, "too_many_fields", "The head has more than 100 fields or 64 KiB of them.");
    if (!is_pseudo) return Verdict::accepted;
  }
  nghttp2_rcbuf_incref(name_buffer);
  nghttp2_rcbuf_incref(value_buffer);
  held_.push_back(name_buffer);
  held_.push_back(value_buffer);
  if (indexing == Indexing::never) never_indexed_.push_back(name);
  is_pseudo ? take_pseudo(name, value) : take_field(name, value);
  return Verdict::accepted;
}

void Head::take_pseudo(std::string_view name, std::string_view value) {
  if (name == ":method") {
    method_ = value;
  } else if (name == ":path") {
    path_ = value;
  } else if (name == ":status") {
    status_ = number_of<unsigned>(value).value_or(0);
  } else if (name == ":scheme") {
    scheme_ = value;
  } else if (name == ":authority") {
    authority_ = value;
  } else if (name == ":protocol") {
    protocol_ = value;
  }
}

void Head::take_field(std::string_view name, std::string_view value) {
  const auto kind = kind_of(name);
  if (kind == FieldKind::host) {
    host_ = value;
    names_host_ = true;
  } else if (kind == FieldKind::content_length) {
    content_length_ = number_of<std::uint64_t>(value);
  } else if (name == "cookie") {
    ++cookie_fields_;
  }
  fields_.push_back({kind, name, value});
}

void Head::finish() {
  if (cookie_fields_ > 1) join_cookies();
  if (!authority_.empty()) {
    host_ = authority_;
    names_host_ = true;
  }
}

// RFC 9113 §8.2.3: the first takes the place of all. Empty pieces would leave a space at the end.
void Head::join_cookies() {
  Field* first = nullptr;
  std::size_t kept = 0;
  for (auto& field : fields_) {
    if (field.name == "cookie") {
      if (!cookies_.empty() && !field.value.empty()) cookies_.append("; ");
      cookies_.append(field.value);
      if (first != nullptr) continue;
      first = &fields_[kept];
    }
    fields_[kept++] = field;
  }
  fields_.resize(kept);
  first->value = cookies_;
}

void Head::keep_trailers() {
  std::erase_if(fields_, [](const Field& field) { return !may_be_trailer(field.name); });
}

void Head::clear() {
  for (auto* buffer : held_) nghttp2_rcbuf_decref(buffer);
  held_.clear();
  fields_.clear();
  never_indexed_.clear();
  method_ = scheme_ = authority_ = path_ = protocol_ = host_ = {};
  cookies_.clear();
  content_length_.reset();
  bytes_ = count_ = cookie_fields_ = further_cookies_ = 0;
  status_ = 0;
  names_host_ = false;
  refusal_ = {0, "", ""};
}

}  // namespace tandem::master::h2
