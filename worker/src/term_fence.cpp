#include "worker/src/term_fence.hpp"

#include <charconv>
#include <optional>

#include <fmt/format.h>
#include <httplib.h>

#include "common/wire/error_document.hpp"

namespace tandem {

namespace {

constexpr const char* term_field = "Tandem-Term";

std::optional<Term> parse_term(const std::string& text) {
  std::uint64_t value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || read.ec != std::errc{} || read.ptr != text.data() + text.size()) return {};
  return Term(value);
}

}  // namespace

bool TermFence::answers(const httplib::Request& request, httplib::Response& response) {
  const bool is_announcement = request.method == "OPTIONS" && request.path == "*";
  if (!request.has_header(term_field)) return false;
  const auto term = parse_term(request.get_header_value(term_field));
  if (!term) {
    response.status = 400;
    response.set_content(wire::error_document("invalid", "Tandem-Term must be a number"),
                         "application/json");
    return true;
  }
  bool admitted = false;
  Term promised;
  {
    const std::lock_guard lock(mutex_);
    admitted = fence_.admit(*term);
    promised = fence_.promised();
  }
  if (admitted && !is_announcement) return false;
  response.set_header(term_field, std::to_string(promised.value()));
  response.status = admitted ? 204 : 409;
  if (!admitted) {
    response.set_content(
        wire::error_document(
            "stale_term",
            fmt::format("term {} is over, this worker has promised term {}", *term, promised)),
        "application/json");
  }
  return true;
}

Term TermFence::promised() const {
  const std::lock_guard lock(mutex_);
  return fence_.promised();
}

}  // namespace tandem
