#include "tandem/client.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cctype>

#include <fmt/format.h>

#include "common/base/limits.hpp"
#include "common/base/name.hpp"
#include "common/base/result.hpp"
#include "common/client/src/call.hpp"
#include "common/client/src/client_tls.hpp"
#include "common/client/src/directory.hpp"
#include "common/client/src/watch.hpp"
#include "common/http1/field_text.hpp"

namespace tandem {

namespace {

constexpr std::size_t masters_max = 16;

// RFC 9110 §5.5: no CR, LF or NUL, nor other controls but the tab.
bool is_field_value(std::string_view text) {
  return std::all_of(text.begin(), text.end(), is_field_character);
}

bool is_target(std::string_view method, std::string_view target) {
  if (target == "*") return method == "OPTIONS";
  return !target.empty() && target.front() == '/' &&
         std::all_of(target.begin(), target.end(),
                     [](unsigned char c) { return c > 0x20 && c < 0x7f && c != '#'; });
}

bool is_any_of(std::string_view method, std::initializer_list<std::string_view> methods) {
  return std::find(methods.begin(), methods.end(), method) != methods.end();
}

// RFC 9110 §9.2.2
bool is_idempotent(std::string_view method) {
  return is_any_of(method, {"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"});
}

Result<> check(const ClientHeaders& headers) {
  constexpr std::array<std::string_view, 6> own{"connection", "content-length",    "expect",
                                                "te",         "transfer-encoding", "upgrade"};
  for (const auto& [name, value] : headers) {
    const auto shown = name.substr(0, limits::name_bytes_max);
    if (!is_token(name)) return invalid(fmt::format("\"{}\" is not a field name", shown));
    if (!is_field_value(value)) {
      return invalid(fmt::format("the value of {} has characters that no field may have", shown));
    }
    if (std::any_of(own.begin(), own.end(),
                    [&](auto known) { return equal_ignoring_case(name, known); })) {
      return invalid(fmt::format("{} is set by the client itself", shown));
    }
  }
  return {};
}

// The fields of the request, and the default fields that it lacks.
ClientHeaders with_defaults(const ClientHeaders& defaults, const ClientHeaders& headers) {
  ClientHeaders all = headers;
  for (const auto& [name, value] : defaults) {
    if (headers.count(name) == 0) all.emplace(name, value);
  }
  return all;
}

// RFC 9112 §6: the field that frames the body. A method that expects content states that there is
// none (RFC 9110 §8.6).
std::string framing_of(const client::Outgoing& request) {
  if (request.source != nullptr) {
    const auto& length = request.source->length;
    if (length == 0u) return "Content-Length: 0\r\n";
    return (length ? fmt::format("Content-Length: {}\r\n", *length)
                   : std::string("Transfer-Encoding: chunked\r\n")) +
           "Expect: 100-continue\r\n";
  }
  const bool expects_content = is_any_of(request.method, {"POST", "PUT", "PATCH"});
  if (request.body.empty() && !expects_content) return {};
  return fmt::format("Content-Length: {}\r\n", request.body.size());
}

Result<> check(const ClientStreams& streams) {
  if (streams.source && !streams.source->read) return invalid("the source has no read function");
  if (streams.sink && !streams.sink->write) return invalid("the sink has no write function");
  return {};
}

Result<client::Outgoing> outgoing(const std::string& method, const std::string& target,
                                  const ClientHeaders& headers, std::string_view body,
                                  const ClientStreams& streams, const CallOptions& call) {
  if (!is_token(method) || method == "CONNECT") {
    return invalid("the method must be a token other than CONNECT");
  }
  if (!is_target(method, target)) {
    return invalid("the path must begin with / and be percent-encoded");
  }
  if (const auto checked = check(headers); !checked.ok()) return checked.error();
  if (const auto checked = check(streams); !checked.ok()) return checked.error();
  client::Outgoing request;
  request.method = method;
  request.target = target;
  for (const auto& [name, value] : headers) {
    request.fields += fmt::format("{}: {}\r\n", name, value);
  }
  request.body = body;
  if (streams.source) request.source = &*streams.source;
  if (streams.sink) request.sink = &*streams.sink;
  request.fields += framing_of(request);
  request.names_host = headers.count("Host") != 0;
  request.repeatable = call.retry || is_idempotent(method);
  return request;
}

ClientHeaders with_type(const ClientHeaders& headers, const std::string& content_type) {
  ClientHeaders all = headers;
  if (!content_type.empty()) all.emplace("Content-Type", content_type);
  return all;
}

Result<std::vector<Endpoint>> parse_addresses(const std::vector<std::string>& addresses,
                                              std::string_view option, std::size_t least) {
  if (addresses.size() < least || addresses.size() > masters_max) {
    return invalid(fmt::format("{} must be {} to {} addresses", option, least, masters_max));
  }
  std::vector<Endpoint> endpoints;
  for (const auto& address : addresses) {
    auto endpoint = parse_endpoint(address, option);
    if (!endpoint.ok()) return endpoint.error();
    if (endpoint->port == 0) return invalid(fmt::format("{}: {} has no port", option, address));
    endpoints.push_back(std::move(*endpoint));
  }
  return endpoints;
}

bool is_duration(std::chrono::milliseconds value) {
  return value > std::chrono::milliseconds::zero() && value <= std::chrono::hours(24);
}

Result<> check_times(const ClientOptions& options) {
  if (!is_duration(options.deadline)) return invalid("deadline must be above 0, at most a day");
  if (options.probe_after.count() != 0 && !is_duration(options.probe_after)) {
    return invalid("probe_after must be 0, or above 0 and at most a day");
  }
  if (!is_duration(options.connect_timeout)) {
    return invalid("connect_timeout must be above 0, at most a day");
  }
  return {};
}

}  // namespace

bool FieldNameLess::operator()(std::string_view a, std::string_view b) const {
  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(),
                                      [](char x, char y) { return to_lower(x) < to_lower(y); });
}

const char* to_string(ClientErrorCode code) {
  switch (code) {
    case ClientErrorCode::invalid: return "invalid";
    case ClientErrorCode::unreachable: return "unreachable";
    case ClientErrorCode::deadline: return "deadline";
    case ClientErrorCode::outcome_unknown: return "outcome_unknown";
    case ClientErrorCode::cut_off: return "cut_off";
    case ClientErrorCode::given_up: return "given_up";
  }
  assertion_failed("a known error code", __FILE__, __LINE__);
}

class Client::Body {
 public:
  explicit Body(ClientOptions options) : options_(std::move(options)) {
    const auto made = make();
    if (!made.ok()) wrong_ = made.error().message;
  }

  ClientResult send(const std::string& method, const std::string& path,
                    const ClientHeaders& headers, std::string_view body,
                    const ClientStreams& streams, const CallOptions& call) {
    if (!masters_) return ClientError{ClientErrorCode::invalid, wrong_, 0};
    const auto deadline = call.deadline.value_or(options_.deadline);
    const auto all_headers = with_defaults(options_.headers, headers);
    const auto request = outgoing(method, path, all_headers, body, streams, call);
    if (!request.ok() || !is_duration(deadline)) {
      const auto why =
          request.ok() ? "deadline must be above 0, at most a day" : request.error().message;
      return ClientError{ClientErrorCode::invalid, why, 0};
    }
    client::Call sending(*masters_, *request,
                         {.deadline = deadline,
                          .probe_after = options_.probe_after,
                          .connect = options_.connect_timeout,
                          .body_bytes_max = options_.body_bytes_max,
                          .tls = tls_,
                          .refresh = [this] { learn_masters(); }});
    return sending.run();
  }

  Result<> reload_secrets() {
    return wrong_.empty() ? directory_->read_secrets() : invalid(wrong_);
  }

  std::unique_ptr<ServiceWatch::Body> watch(const std::string& service,
                                            std::function<void(const ServiceView&)> changed,
                                            const WatchOptions& options) {
    auto wrong = wrong_;
    if (wrong.empty() && directory_->is_empty()) wrong = "controls must be 1 to 16 addresses";
    if (wrong.empty() && !parse_name(service, "service").ok()) wrong = "the service has no name";
    if (wrong.empty() && !changed) wrong = "there is no function to call";
    if (!is_duration(options.interval) || !is_duration(options.timeout)) {
      wrong = "interval and timeout must be above 0, at most a day";
    }
    return std::make_unique<ServiceWatch::Body>(directory_, service, std::move(changed), options,
                                                std::move(wrong));
  }

 private:
  Result<> make() {
    auto controls = parse_addresses(options_.controls, "controls", 0);
    if (!controls.ok()) return controls.error();
    const bool may_learn = !controls->empty() && !options_.tls;
    auto endpoints = parse_addresses(options_.masters, "masters", may_learn ? 0 : 1);
    if (!endpoints.ok()) return endpoints.error();
    auto tls = client::ClientTls::load(options_);
    if (!tls.ok()) return tls.error();
    tls_ = std::move(*tls);
    if (const auto times = check_times(options_); !times.ok()) return times.error();
    if (const auto fields = check(options_.headers); !fields.ok()) {
      return invalid(fmt::format("headers: {}", fields.error().message));
    }
    if (!is_field_value(options_.token))
      return invalid("token has characters that a token cannot have");
    if (!options_.token.empty() && !options_.token_file.empty()) {
      return invalid("token and token_file are two ways to say the same: give one");
    }
    auto directory = std::make_shared<client::Directory>(std::move(*controls), options_);
    if (const auto read = directory->read_secrets(); !read.ok()) return read.error();
    directory->learn({});
    directory_ = std::move(directory);
    masters_.emplace(std::move(*endpoints));
    return {};
  }

  // One thread at a time does this; the others continue with the known masters. Where a master
  // speaks TLS to clients is not learned.
  void learn_masters() {
    if (directory_->is_empty() || tls_ || learning_.test_and_set()) return;
    const auto found = directory_->client_addresses(options_.connect_timeout);
    if (found.ok()) masters_->learn(*found);
    learning_.clear();
  }

  const ClientOptions options_;
  std::string wrong_;                             // what is wrong with an option; empty: nothing
  std::optional<client::Masters> masters_;        // unless one is wrong
  std::shared_ptr<client::Directory> directory_;  // likewise
  client::ClientTlsPtr tls_;                      // null: in clear
  std::atomic_flag learning_;
};

Client::Client(ClientOptions options) : body_(std::make_unique<Body>(std::move(options))) {}
Client::~Client() = default;

ClientResult Client::send(const std::string& method, const std::string& path,
                          const ClientHeaders& headers, const std::string& body,
                          const CallOptions& call) {
  return body_->send(method, path, headers, body, {}, call);
}

ClientResult Client::stream(const std::string& method, const std::string& path,
                            const ClientHeaders& headers, const ClientStreams& streams,
                            const CallOptions& call) {
  return body_->send(method, path, headers, {}, streams, call);
}

std::optional<std::string> Client::reload_secrets() {
  const auto read = body_->reload_secrets();
  return read.ok() ? std::nullopt : std::optional(read.error().message);
}

std::unique_ptr<ServiceWatch> Client::watch(const std::string& service,
                                            std::function<void(const ServiceView&)> changed,
                                            const WatchOptions& options) {
  return std::unique_ptr<ServiceWatch>(
      new ServiceWatch(body_->watch(service, std::move(changed), options)));
}

ClientResult Client::Get(const std::string& path, const ClientHeaders& headers,
                         const CallOptions& call) {
  return send("GET", path, headers, {}, call);
}

ClientResult Client::Head(const std::string& path, const ClientHeaders& headers,
                          const CallOptions& call) {
  return send("HEAD", path, headers, {}, call);
}

ClientResult Client::Options(const std::string& path, const ClientHeaders& headers,
                             const CallOptions& call) {
  return send("OPTIONS", path, headers, {}, call);
}

ClientResult Client::Delete(const std::string& path, const ClientHeaders& headers,
                            const CallOptions& call) {
  return send("DELETE", path, headers, {}, call);
}

ClientResult Client::Post(const std::string& path, const std::string& body,
                          const std::string& content_type, const CallOptions& call) {
  return Post(path, {}, body, content_type, call);
}

ClientResult Client::Post(const std::string& path, const ClientHeaders& headers,
                          const std::string& body, const std::string& content_type,
                          const CallOptions& call) {
  return send("POST", path, with_type(headers, content_type), body, call);
}

ClientResult Client::Put(const std::string& path, const std::string& body,
                         const std::string& content_type, const CallOptions& call) {
  return Put(path, {}, body, content_type, call);
}

ClientResult Client::Put(const std::string& path, const ClientHeaders& headers,
                         const std::string& body, const std::string& content_type,
                         const CallOptions& call) {
  return send("PUT", path, with_type(headers, content_type), body, call);
}

ClientResult Client::Patch(const std::string& path, const std::string& body,
                           const std::string& content_type, const CallOptions& call) {
  return Patch(path, {}, body, content_type, call);
}

ClientResult Client::Patch(const std::string& path, const ClientHeaders& headers,
                           const std::string& body, const std::string& content_type,
                           const CallOptions& call) {
  return send("PATCH", path, with_type(headers, content_type), body, call);
}

}  // namespace tandem
